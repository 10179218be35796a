// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package expectations

import (
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"
	testingclock "k8s.io/utils/clock/testing"
)

func TestStore(t *testing.T) {
	owner := types.NamespacedName{Namespace: "ns", Name: "web"}
	tests := []struct {
		name string
		do   func(s *Store, clock *testingclock.FakeClock)
		want bool
	}{
		{"nothing expected", func(*Store, *testingclock.FakeClock) {}, true},
		{"a creation not yet seen", func(s *Store, _ *testingclock.FakeClock) { s.ExpectCreations(owner, 1) }, false},
		{"one of two creations seen", func(s *Store, _ *testingclock.FakeClock) {
			s.ExpectCreations(owner, 2)
			s.CreationSeen(owner, 1)
		}, false},
		{"all creations seen", func(s *Store, _ *testingclock.FakeClock) {
			s.ExpectCreations(owner, 2)
			s.CreationSeen(owner, 1)
			s.CreationSeen(owner, 1)
		}, true},
		{"a creation by someone else does not count ahead", func(s *Store, _ *testingclock.FakeClock) {
			s.CreationSeen(owner, 1)
			s.ExpectCreations(owner, 1)
		}, false},
		{"a deletion is known by its UID", func(s *Store, _ *testingclock.FakeClock) {
			s.ExpectDeletions(owner, "a", "b")
			s.DeletionSeen(owner, "a")
			s.DeletionSeen(owner, "a")
		}, false},
		{"all deletions seen", func(s *Store, _ *testingclock.FakeClock) {
			s.ExpectDeletions(owner, "a")
			s.DeletionSeen(owner, "a")
		}, true},
		{"a lost event holds back only so long", func(s *Store, clock *testingclock.FakeClock) {
			s.ExpectCreations(owner, 1)
			clock.Step(Timeout)
		}, true},
		{"a forgotten owner", func(s *Store, _ *testingclock.FakeClock) {
			s.ExpectCreations(owner, 1)
			s.Forget(owner)
		}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			clock := testingclock.NewFakeClock(time.Unix(0, 0))
			store := New(clock)
			test.do(store, clock)
			if got := store.Satisfied(owner); got != test.want {
				t.Errorf("Satisfied() = %t, want %t", got, test.want)
			}
		})
	}
}
