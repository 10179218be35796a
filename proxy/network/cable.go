// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import "net/netip"

// Cable joins a node that has a network namespace of its own to the bridge between the nodes of this machine.
//
//	machine: Bridge ── Outer ═══ Inner :node's namespace
type Cable struct {
	// Bridge is the bridge that Setup made.
	Bridge string
	// Outer is the name of the end that is plugged into the bridge, Inner of the end within the node.
	Outer, Inner string
	// Address is the node's, with the range of all nodes.
	Address netip.Prefix
	// Gateway is the first node's address: the way to everywhere else.
	Gateway netip.Addr
	// ServiceCIDRs get a route within the node, as in Config.
	ServiceCIDRs []netip.Prefix
}
