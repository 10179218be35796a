// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package durability

import (
	"fmt"
	"sync"
)

// happening is an event of a watch.
type happening struct {
	deleted bool
	name    string
	version version
}

// journal is what a watch has delivered over all lives of the server.
type journal struct {
	mu     sync.Mutex
	last   int64 // where the watch goes on
	events map[int64]happening
	ends   map[string]int64 // uid to the revision of its deletion
	gaps   []gap
}

// gap is what a watch could not deliver, since it had to list again (410 Gone).
type gap struct{ after, upTo int64 }

func newJournal() *journal { return &journal{events: map[int64]happening{}, ends: map[string]int64{}} }

func (j *journal) position() int64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

// add notes an event.
func (j *journal) add(h happening) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	revision := h.version.revision
	if revision <= j.last {
		return fmt.Errorf("the watch delivered resourceVersion %d (%s) after %d", revision, h.name, j.last)
	}
	j.last = revision
	j.events[revision] = h
	if h.deleted {
		if before, ok := j.ends[h.version.uid]; ok {
			return fmt.Errorf("the watch delivered the deletion of %s twice, at %d and %d", h.name, before, revision)
		}
		j.ends[h.version.uid] = revision
	}
	return nil
}

// progress notes a bookmark.
func (j *journal) progress(revision int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = max(j.last, revision)
}

// jump notes that the watch goes on from a list.
func (j *journal) jump(revision int64) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if revision > j.last {
		j.gaps = append(j.gaps, gap{j.last, revision})
		j.last = revision
	}
}

// verify reports acknowledged changes that were not delivered, up to revision upTo, and that were delivered as something
// else. It returns how many it has looked at.
func (j *journal) verify(acks []acknowledgement, upTo int64) (verified int, errs []error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, ack := range acks {
		if ack.deleted {
			if _, ok := j.ends[ack.version.uid]; !ok && !j.missedAfter(ack.version.revision) {
				errs = append(errs, fmt.Errorf("the deletion of %s (%s) was acknowledged and not delivered", ack.name, ack.version))
			}
			verified++
			continue
		}
		revision := ack.version.revision
		if revision > upTo || j.missed(revision) {
			continue
		}
		verified++
		want := happening{name: ack.name, version: ack.version}
		if got, ok := j.events[revision]; !ok {
			errs = append(errs, fmt.Errorf("%s of %s was acknowledged and not delivered", ack.version, ack.name))
		} else if got != want {
			errs = append(errs, fmt.Errorf("%s of %s was acknowledged, and %s of %s delivered", ack.version, ack.name, got.version, got.name))
		}
	}
	return verified, errs
}

func (j *journal) missed(revision int64) bool {
	for _, g := range j.gaps {
		if revision > g.after && revision <= g.upTo {
			return true
		}
	}
	return false
}

// missedAfter reports a gap after revision, in which a deletion can have been whose revision nobody knows.
func (j *journal) missedAfter(revision int64) bool {
	for _, g := range j.gaps {
		if g.upTo > revision {
			return true
		}
	}
	return false
}
