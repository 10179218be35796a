// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"coxswain.dev/coxswain/proxy/state"
)

// Forget deletes the UDP connections, in the network namespace of the calling
// thread, that changed services have left without their endpoint, and says how
// many. It costs nothing when no such service changed.
func Forget(changes []state.Change) (uint, error) {
	look := affected(changes)
	if len(look) == 0 {
		return 0, nil
	}
	forgotten, err := netlink.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, filter{look})
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.ENOENT) {
		return forgotten, nil // this kernel offers no access to the table, or an entry ended by itself meanwhile
	}
	if err != nil {
		return forgotten, fmt.Errorf("deleting connections: %w", err)
	}
	return forgotten, nil
}

type filter struct{ look served }

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
func (f filter) MatchConntrackFlow(flow *netlink.ConntrackFlow) bool {
	if flow.Forward.Protocol != unix.IPPROTO_UDP {
		return false
	}
	asked, ok1 := netip.AddrFromSlice(flow.Forward.DstIP)
	answering, ok2 := netip.AddrFromSlice(flow.Reverse.SrcIP)
	return ok1 && ok2 && f.look.stale(
		state.Frontend{Addr: asked.Unmap(), Protocol: state.UDP, Port: flow.Forward.DstPort},
		state.Endpoint{Addr: answering.Unmap(), Port: flow.Reverse.SrcPort})
}
