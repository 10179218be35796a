// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package ipam

import (
	"net/netip"
	"testing"
)

func TestPool(t *testing.T) {
	tests := []struct {
		name  string
		base  string
		mask  int
		taken []string
		want  []string
	}{
		{"from the start", "10.244.0.0/16", 24, nil, []string{"10.244.0.0/24", "10.244.1.0/24"}},
		{"blocks in use are passed over", "10.244.0.0/16", 24, []string{"10.244.0.0/24", "10.244.1.128/25"}, []string{"10.244.2.0/24"}},
		{"a wider block takes several", "10.244.0.0/16", 24, []string{"10.244.0.0/22"}, []string{"10.244.4.0/24"}},
		{"ranges elsewhere do not matter", "10.244.0.0/16", 24, []string{"10.96.0.0/16", "fd00::/64"}, []string{"10.244.0.0/24"}},
		{"a range around everything leaves nothing", "10.244.0.0/30", 32, []string{"10.0.0.0/8"}, []string{""}},
		{"blocks of one address", "10.0.0.4/30", 32, nil, []string{"10.0.0.4/32", "10.0.0.5/32", "10.0.0.6/32", "10.0.0.7/32", ""}},
		{"IPv6", "fd00:10::/56", 64, []string{"fd00:10::/64"}, []string{"fd00:10:0:1::/64"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := newPool(netip.MustParsePrefix(test.base), test.mask)
			if err != nil {
				t.Fatal(err)
			}
			for _, taken := range test.taken {
				p.occupy(netip.MustParsePrefix(taken), true)
			}
			for _, want := range test.want {
				got, err := p.allocate()
				if want == "" {
					if err == nil {
						t.Errorf("allocate() = %s, want none left", got)
					}
				} else if err != nil || got.String() != want {
					t.Errorf("allocate() = %s, %v; want %s", got, err, want)
				}
			}
		})
	}
}

func TestPoolGoesRound(t *testing.T) {
	p, err := newPool(netip.MustParsePrefix("10.0.0.0/30"), 32)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := p.allocate()
	p.occupy(first, false)
	if second, _ := p.allocate(); second == first {
		t.Errorf("%s was handed out again at once", second)
	}
	if p.free() != 3 {
		t.Errorf("free() = %d, want 3", p.free())
	}
}

func TestNewPoolRefuses(t *testing.T) {
	for _, test := range []struct {
		base string
		mask int
	}{{"10.0.0.0/16", 8}, {"10.0.0.0/16", 33}, {"fd00::/32", 64}} {
		if _, err := newPool(netip.MustParsePrefix(test.base), test.mask); err == nil {
			t.Errorf("newPool(%s, %d) succeeded", test.base, test.mask)
		}
	}
}
