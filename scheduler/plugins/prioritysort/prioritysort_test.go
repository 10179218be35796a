// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package prioritysort

import "testing"

type pod struct {
	priority int32
	since    int64
}

func (p pod) Priority() int32 { return p.priority }
func (p pod) Since() int64    { return p.since }

func TestLess(t *testing.T) {
	for _, c := range []struct {
		name string
		a, b pod
		want bool
	}{
		{"the higher priority first, however late", pod{10, 5}, pod{1, 1}, true},
		{"the lower one after", pod{1, 1}, pod{10, 5}, false},
		{"among equals, who came first", pod{1, 1}, pod{1, 2}, true},
		{"and not the other way round", pod{1, 2}, pod{1, 1}, false},
	} {
		if got := (&Plugin{}).Less(c.a, c.b); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}
