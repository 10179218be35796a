// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenarios

import "testing"

// TestAll holds the list to what the table needs: names that choose one row, and units.
func TestAll(t *testing.T) {
	scenarios, rows := map[string]bool{}, map[string]bool{}
	for _, s := range All() {
		if scenarios[s.Name] || s.Name == "" {
			t.Errorf("the name %q of a scenario is taken or empty", s.Name)
		}
		scenarios[s.Name] = true
		if s.Peer != nil && s.PeerIs == "" {
			t.Errorf("%s: the peer has no name", s.Name)
		}
		for _, row := range s.Rows {
			if rows[row.Name] || row.Name == "" {
				t.Errorf("%s: the name %q of a row is taken or empty", s.Name, row.Name)
			}
			rows[row.Name] = true
			if row.Unit == "" || row.Key == "" || row.Better == "" {
				t.Errorf("%s: the row %q lacks a unit, a key or a direction", s.Name, row.Name)
			}
		}
	}
}
