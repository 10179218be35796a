// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package listbudget

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"k8s.io/apiserver/pkg/storage"
)

// Config says how much there is to share out. The zero value of a field means its default.
type Config struct {
	// Stats tells how many objects a resource ("deployments.apps") has, and how large they are. It is required.
	Stats func(resource string) (storage.Stats, error)
	// Size tells how large the struct of an object of a resource is, 0 when that is not known. Nil knows none.
	Size func(resource string) int64
	// Bytes is what the lists that are answered at the same time may cost together; by default 32 MB a processor, and 64
	// at least.
	Bytes int64
	// Wait is how long a list waits for its turn before it is turned away; 30 s by default, half of a request's minute.
	Wait time.Duration
	// Patience is how long an answer may make no progress while others wait for the budget; a second by default.
	Patience time.Duration
}

// Budget shares memory out among lists. It is safe for concurrent use.
type Budget struct {
	stats          func(resource string) (storage.Stats, error)
	size           func(resource string) int64
	total          int64
	wait, patience time.Duration

	mu sync.Mutex
	// free is what nobody holds. Guarded by mu, as is all that follows.
	free int64
	// holders are the lists that are being answered.
	holders map[*claim]struct{}
	// lines are those of users who wait; the first is next.
	lines []*line
	// check looks for answers without progress while somebody waits.
	check *time.Timer
}

// line is what one user waits for, oldest first.
type line struct {
	user   string
	claims []*claim
}

// claim is the part of the budget that a list has, or waits for.
type claim struct {
	user    string
	cost    int64
	granted chan struct{} // closed when the claim is

	// since is when the write that is under way began; zero when there is none. Guarded by Budget.mu, as are the others.
	since time.Time
	// abort ends the write that is under way. It is only called while there is one.
	abort func()
	// ended claims are about to be given back.
	ended bool
	// returned claims have been given back: a watch that goes on is no longer of interest.
	returned atomic.Bool
}

// New makes a budget.
func New(config Config) *Budget {
	b := &Budget{stats: config.Stats, size: config.Size, total: config.Bytes, wait: config.Wait, patience: config.Patience, holders: map[*claim]struct{}{}}
	if b.total == 0 {
		b.total = max(64<<20, int64(runtime.GOMAXPROCS(0))*32<<20)
	}
	if b.size == nil {
		b.size = func(string) int64 { return 0 }
	}
	if b.wait == 0 {
		b.wait = 30 * time.Second
	}
	if b.patience == 0 {
		b.patience = time.Second
	}
	b.free = b.total
	return b
}

// acquire waits until user's turn has come and cost is there, and returns nil when ctx ended or the wait was too long. A
// cost above the whole budget is the whole.
func (b *Budget) acquire(ctx context.Context, user string, cost int64) *claim {
	c := &claim{user: user, cost: min(cost, b.total), granted: make(chan struct{})}
	b.mu.Lock()
	b.enqueue(c)
	b.settle()
	b.mu.Unlock()
	select {
	case <-c.granted: // the usual case needs no timer
		return c
	default:
	}
	timer := time.NewTimer(b.wait)
	defer timer.Stop()
	select {
	case <-c.granted:
		return c
	case <-ctx.Done():
	case <-timer.C:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.dequeue(c) { // it was granted just now
		delete(b.holders, c)
		b.free += c.cost
	}
	b.settle()
	return nil
}

// release gives back what c holds, once.
func (b *Budget) release(c *claim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.holders[c]; !ok {
		return
	}
	delete(b.holders, c)
	b.free += c.cost
	c.returned.Store(true)
	b.settle()
}

// enqueue puts c at the end of its user's line. Like the following functions it is called with mu held.
func (b *Budget) enqueue(c *claim) {
	for _, l := range b.lines {
		if l.user == c.user {
			l.claims = append(l.claims, c)
			return
		}
	}
	b.lines = append(b.lines, &line{user: c.user, claims: []*claim{c}})
}

// dequeue takes c out of its line, and tells whether it was in it.
func (b *Budget) dequeue(c *claim) bool {
	for i, l := range b.lines {
		if at := slices.Index(l.claims, c); at >= 0 {
			if l.claims = slices.Delete(l.claims, at, at+1); len(l.claims) == 0 {
				b.lines = slices.Delete(b.lines, i, i+1)
			}
			return true
		}
	}
	return false
}

// settle grants what can be granted, users taking turns. A claim that is too large for what is free makes those behind it
// wait, since it would never have its turn otherwise.
func (b *Budget) settle() {
	for len(b.lines) > 0 && b.lines[0].claims[0].cost <= b.free {
		l := b.lines[0]
		c := l.claims[0]
		l.claims = l.claims[1:]
		b.lines = b.lines[1:]
		if len(l.claims) > 0 {
			b.lines = append(b.lines, l)
		}
		b.free -= c.cost
		b.holders[c] = struct{}{}
		close(c.granted)
	}
	if len(b.lines) == 0 {
		if b.check != nil {
			b.check.Stop()
			b.check = nil
		}
		return
	}
	b.endUnread(b.lines[0].claims[0].cost - b.free)
	if b.check == nil {
		b.check = time.AfterFunc(b.patience/2, b.recheck)
	}
}

// recheck looks again whether an answer has to be ended, as long as somebody waits.
func (b *Budget) recheck() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.check = nil
	b.settle()
}

// endUnread ends answers that make no progress, those first that have made none for longest, until they will have given
// back what is missing.
func (b *Budget) endUnread(missing int64) {
	now := time.Now()
	var stuck []*claim
	for c := range b.holders {
		switch {
		case c.ended:
			missing -= c.cost
		case !c.since.IsZero() && now.Sub(c.since) >= b.patience:
			stuck = append(stuck, c)
		}
	}
	slices.SortFunc(stuck, func(a, b *claim) int { return a.since.Compare(b.since) })
	for _, c := range stuck {
		if missing <= 0 {
			return
		}
		c.ended = true
		missing -= c.cost
		c.abort()
	}
}

// writing notes that the answer of c is about to be written to, and written that it was.
func (b *Budget) writing(c *claim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.since = time.Now()
}

func (b *Budget) written(c *claim) {
	b.mu.Lock()
	defer b.mu.Unlock()
	c.since = time.Time{}
}
