// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated

import (
	"net/netip"
	"sync"

	"k8s.io/apimachinery/pkg/types"
)

// addresses gives each pod one of its node's, or one of a common range while its node has none. It is safe for concurrent
// use.
type addresses struct {
	common netip.Prefix

	mu    sync.Mutex
	taken map[netip.Addr]types.UID
	of    map[types.UID]netip.Addr
	// last address given, by range, so that one that has just come free is not given again at once.
	last map[netip.Prefix]netip.Addr
}

func newAddresses(common netip.Prefix) *addresses {
	return &addresses{common: common.Masked(), taken: map[netip.Addr]types.UID{}, of: map[types.UID]netip.Addr{}, last: map[netip.Prefix]netip.Addr{}}
}

// take returns the pod's address, chosen from a range, or from the common one when that is not valid or has none left.
// It is invalid when all are taken.
func (a *addresses) take(uid types.UID, from netip.Prefix) netip.Addr {
	a.mu.Lock()
	defer a.mu.Unlock()
	if has, known := a.of[uid]; known {
		return has
	}
	for _, prefix := range []netip.Prefix{from, a.common} {
		if !prefix.IsValid() {
			continue
		}
		if found := a.find(prefix.Masked()); found.IsValid() {
			a.set(uid, found)
			return found
		}
	}
	return netip.Addr{}
}

// find returns the next free address of a range, but for its first two (network, gateway) and its last. The caller holds mu.
func (a *addresses) find(prefix netip.Prefix) netip.Addr {
	first := prefix.Addr().Next().Next()
	last := a.last[prefix]
	if !last.IsValid() {
		last = first.Prev()
	}
	next := last.Next()
	for wrapped := false; ; next = next.Next() {
		if !prefix.Contains(next.Next()) { // next is the last one, or beyond
			if wrapped {
				return netip.Addr{}
			}
			wrapped, next = true, first
		}
		if !prefix.Contains(next) {
			return netip.Addr{} // a range with no room at all
		}
		if _, taken := a.taken[next]; !taken {
			a.last[prefix] = next
			return next
		}
		if wrapped && next == last {
			return netip.Addr{}
		}
	}
}

// claim records the address that a pod has from an earlier life of this program.
func (a *addresses) claim(uid types.UID, address netip.Addr) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, taken := a.taken[address]; !taken {
		a.set(uid, address)
	}
}

func (a *addresses) set(uid types.UID, address netip.Addr) {
	a.taken[address], a.of[uid] = uid, address
}

// release gives a pod's address back.
func (a *addresses) release(uid types.UID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if address, has := a.of[uid]; has {
		delete(a.of, uid)
		delete(a.taken, address)
	}
}
