// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestOneNodeNeedsNoFlag(t *testing.T) {
	for nodes, want := range map[int]string{1: "--x", 2: "--nodes=2"} {
		flags := upFlags("/d", nodes, 1234, []string{"--x"})
		if got := flags[len(flags)-nodes]; got != want {
			t.Errorf("%d nodes: %q, want %q in %q", nodes, got, want, flags)
		}
	}
}
