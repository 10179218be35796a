// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/proxy/state"
)

// nodeFacts works out what the rules depend on from the node's addresses and
// its object in the API, nil while there is none.
func nodeFacts(cfg Config, local []netip.Addr, node *corev1.Node) state.Node {
	facts := state.Node{Name: cfg.NodeName}
	for _, addr := range local {
		if addr.Is4() {
			facts.Addresses = append(facts.Addresses, addr)
		}
	}
	slices.SortFunc(facts.Addresses, netip.Addr.Compare)
	facts.Addresses = slices.Compact(facts.Addresses)

	own := map[netip.Addr]bool{}
	var ranges []netip.Prefix
	if node != nil {
		facts.Zone = node.Labels[corev1.LabelTopologyZone]
		for _, address := range node.Status.Addresses {
			if addr, err := netip.ParseAddr(address.Address); err == nil && address.Type == corev1.NodeInternalIP {
				own[addr] = true
			}
		}
		for _, text := range append([]string{node.Spec.PodCIDR}, node.Spec.PodCIDRs...) {
			if prefix, err := netip.ParsePrefix(text); err == nil {
				ranges = append(ranges, prefix)
			}
		}
	}
	answers := func(addr netip.Addr) bool {
		switch {
		case cfg.NodePortPrimary:
			return own[addr]
		case len(cfg.NodePortAddresses) > 0:
			return within(cfg.NodePortAddresses, addr)
		}
		return addr.IsLoopback() || own[addr] || within(ranges, addr)
	}
	for _, addr := range facts.Addresses {
		if answers(addr) {
			facts.NodePortAddresses = append(facts.NodePortAddresses, addr)
		}
	}
	return facts
}

func within(prefixes []netip.Prefix, addr netip.Addr) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}
