// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package durability

import (
	"fmt"
	"sync"
)

// version is an object at one time; the zero value is none. Number counts the writes to an object's name, and decides
// what is in the object.
type version struct {
	exists   bool
	uid      string
	number   int
	revision int64
}

func (v version) String() string {
	if !v.exists {
		return "nothing"
	}
	return fmt.Sprintf("write %d (uid %s, resourceVersion %d)", v.number, v.uid, v.revision)
}

// entry is what is known of the object of one name.
type entry struct {
	// now is certain; maybe is what a write without an answer would have made of it.
	now   version
	maybe *version
}

// ledger is what the server owes.
type ledger struct {
	mu      sync.Mutex
	entries map[string]*entry
	lives   map[string]string // uid to name, of all that ever were
	newest  int64             // the newest revision that was acknowledged
	seen    map[int64]string  // revision to name
	acks    []acknowledgement // in no order
	counts  map[string]*count
}

// acknowledgement is a change that the server has said it has made, or that a list has shown since.
type acknowledgement struct {
	name    string
	version version // what it made, or for a deletion, what it took away
	deleted bool
}

// count is a shared object that many count up with optimistic locking.
type count struct {
	acknowledged map[int]bool
	unanswered   int
}

func newLedger() *ledger {
	return &ledger{entries: map[string]*entry{}, lives: map[string]string{}, seen: map[int64]string{}, counts: map[string]*count{}}
}

func (l *ledger) entry(name string) *entry {
	if l.entries[name] == nil {
		l.entries[name] = &entry{}
	}
	return l.entries[name]
}

// current is what is there for certain.
func (l *ledger) current(name string) version {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entry(name).now
}

// issue notes that a write is sent that makes next of the object. floor is for acknowledge.
func (l *ledger) issue(name string, next version) (floor int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entry(name).maybe = &next
	return l.newest
}

// refuse notes that the write was not done.
func (l *ledger) refuse(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entry(name).maybe = nil
}

// acknowledge notes the answer to a write: got is the object in it (nothing for a deletion).
func (l *ledger) acknowledge(name string, got version, floor int64) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entry(name)
	before, wanted := e.now, *e.maybe
	e.now, e.maybe = got, nil
	if !wanted.exists {
		l.acks = append(l.acks, acknowledgement{name: name, version: before, deleted: true})
		return nil
	}
	l.acks = append(l.acks, acknowledgement{name: name, version: got})
	if got.number != wanted.number {
		return fmt.Errorf("%s: the answer has %s, and write %d was asked for", name, got, wanted.number)
	}
	if got.revision <= floor {
		return fmt.Errorf("%s: resourceVersion %d was given after %d", name, got.revision, floor)
	}
	return l.learn(name, before, got)
}

// learn notes a version that is there after before was.
func (l *ledger) learn(name string, before, got version) error {
	l.newest = max(l.newest, got.revision)
	if other, ok := l.seen[got.revision]; ok {
		return fmt.Errorf("%s: resourceVersion %d was already given to %s", name, got.revision, other)
	}
	l.seen[got.revision] = name
	switch other, ok := l.lives[got.uid]; {
	case before.exists && before.uid != got.uid:
		return fmt.Errorf("%s: uid %s became %s without a deletion", name, before.uid, got.uid)
	case !before.exists && ok:
		return fmt.Errorf("%s: uid %s was already that of %s", name, got.uid, other)
	}
	l.lives[got.uid] = name
	return nil
}

// resolve compares what is there after a start with what must be there, and makes it certain.
func (l *ledger) resolve(name string, got version) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.entry(name)
	before, maybe := e.now, e.maybe
	e.now, e.maybe = got, nil
	switch {
	case got == before:
		return nil
	case maybe == nil:
		return fmt.Errorf("%s: %s was acknowledged, and %s is there", name, before, got)
	case !maybe.exists && !got.exists:
		l.acks = append(l.acks, acknowledgement{name: name, version: before, deleted: true})
		return nil
	case maybe.exists && got.exists && got.number == maybe.number:
		l.acks = append(l.acks, acknowledgement{name: name, version: got})
		return l.learn(name, before, got)
	}
	return fmt.Errorf("%s: neither %s, which was acknowledged, nor %s, which had no answer, is there, but %s", name, before, maybe, got)
}

// counted notes that somebody has counted to n, or may have.
func (l *ledger) counted(name string, n int, acknowledged bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts[name]
	if c == nil {
		c = &count{acknowledged: map[int]bool{}}
		l.counts[name] = c
	}
	if !acknowledged {
		c.unanswered++
		return nil
	}
	if c.acknowledged[n] {
		return fmt.Errorf("%s: two writers have counted to %d, each with the version before", name, n)
	}
	c.acknowledged[n] = true
	return nil
}

// resolveCount compares a count that is there with those that were acknowledged.
func (l *ledger) resolveCount(name string, n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := l.counts[name]
	if c == nil {
		return nil
	}
	if least, most := len(c.acknowledged), len(c.acknowledged)+c.unanswered; n < least || n > most {
		return fmt.Errorf("%s: it stands at %d; %d were acknowledged, and %d had no answer", name, n, least, c.unanswered)
	}
	return nil
}

// settled are all acknowledgements so far.
func (l *ledger) settled() []acknowledgement {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]acknowledgement(nil), l.acks...)
}

// newestRevision is the newest that was acknowledged.
func (l *ledger) newestRevision() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.newest
}

// names are all that were ever written.
func (l *ledger) names() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]string, 0, len(l.entries))
	for name := range l.entries {
		all = append(all, name)
	}
	return all
}
