// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated

import (
	"net/netip"
	"testing"

	"k8s.io/apimachinery/pkg/types"
)

func TestAddresses(t *testing.T) {
	own := netip.MustParsePrefix("10.0.0.0/29") // room for .2 to .6
	a := newAddresses(netip.MustParsePrefix("100.64.0.0/10"))
	a.claim("old", netip.MustParseAddr("10.0.0.3"))
	take := func(uid types.UID, from netip.Prefix, want string) {
		t.Helper()
		if got := a.take(uid, from); got.String() != want {
			t.Errorf("%s got %s, want %s", uid, got, want)
		}
	}
	take("a", own, "10.0.0.2")
	take("b", own, "10.0.0.4")
	take("a", own, "10.0.0.2")
	take("old", own, "10.0.0.3")
	a.release("a")
	take("c", own, "10.0.0.5") // not the one that was just given back
	take("d", own, "10.0.0.6")
	take("e", own, "10.0.0.2")
	take("f", own, "100.64.0.2") // the node's own are all taken
	take("g", netip.Prefix{}, "100.64.0.3")
	a.release("old")
	take("h", own, "10.0.0.3")
	if got := newAddresses(netip.MustParsePrefix("10.0.0.0/32")).take("x", netip.Prefix{}); got.IsValid() {
		t.Errorf("an address from a range without room: %s", got)
	}
}
