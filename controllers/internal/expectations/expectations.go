// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package expectations

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/utils/clock"
)

// Timeout is how long an unseen write holds a controller back.
const Timeout = 5 * time.Minute

// Store has the outstanding writes of one controller, by the object that they were made for. It is safe for
// concurrent use.
type Store struct {
	clock clock.PassiveClock

	mu sync.Mutex
	// pending is guarded by mu.
	pending map[types.NamespacedName]*pending
}

type pending struct {
	creations int
	deletions sets.Set[types.UID]
	since     time.Time
}

// New returns an empty store.
func New(clock clock.PassiveClock) *Store {
	return &Store{clock: clock, pending: map[types.NamespacedName]*pending{}}
}

// ExpectCreations says that n objects are about to be created for owner.
func (s *Store) ExpectCreations(owner types.NamespacedName, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(owner).creations += n
}

// ExpectDeletions says that the objects with these UIDs are about to be deleted for owner.
func (s *Store) ExpectDeletions(owner types.NamespacedName, uids ...types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of(owner).deletions.Insert(uids...)
}

// of returns the record of owner with a fresh time stamp; mu must be held.
func (s *Store) of(owner types.NamespacedName) *pending {
	p := s.pending[owner]
	if p == nil {
		p = &pending{deletions: sets.New[types.UID]()}
		s.pending[owner] = p
	}
	p.since = s.clock.Now()
	return p
}

// CreationSeen ticks off n creations, since the cache has them or since they failed.
func (s *Store) CreationSeen(owner types.NamespacedName, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pending[owner]; p != nil {
		p.creations = max(0, p.creations-n)
		s.tidy(owner, p)
	}
}

// DeletionSeen ticks off a deletion, since the cache shows the object as gone or going, or since it failed.
func (s *Store) DeletionSeen(owner types.NamespacedName, uid types.UID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.pending[owner]; p != nil {
		p.deletions.Delete(uid)
		s.tidy(owner, p)
	}
}

// tidy drops a record that has nothing left to wait for; mu must be held.
func (s *Store) tidy(owner types.NamespacedName, p *pending) {
	if p.creations == 0 && p.deletions.Len() == 0 {
		delete(s.pending, owner)
	}
}

// Satisfied reports whether the cache has seen all that was expected for owner, or has had its time.
func (s *Store) Satisfied(owner types.NamespacedName) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.pending[owner]
	if p == nil {
		return true
	}
	if s.clock.Since(p.since) >= Timeout {
		delete(s.pending, owner)
		return true
	}
	return false
}

// Forget drops everything about owner, which is gone.
func (s *Store) Forget(owner types.NamespacedName) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pending, owner)
}
