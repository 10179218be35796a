// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"context"
	"runtime"
	"runtime/metrics"
	"sync"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
)

const (
	// worthwhile is how much has to be there to give back, besides a quarter of what is in use: a collection of the whole
	// heap is the price.
	worthwhile = 64 << 20
	// quiet is how long a load has to be over; so few collections in that time are no load.
	quiet       = 10 * time.Second
	fewWhenOver = 1
	// longest is how rarely memory is given back to a process that needs it again each time.
	longest = 10 * time.Minute
)

// heap is what the runtime says about itself.
type heap struct {
	live   uint64 // what the last collection found in use
	mapped uint64 // what the process has for the heap and has not given back
	cycles uint64 // collections so far
}

func (h heap) worthTrimming() bool {
	return h.mapped > h.live && h.mapped-h.live > max(worthwhile, h.live/4)
}

// AfterPeaks gives memory back that a load has needed, once the load is over, until ctx ends. A process calls it once.
func AfterPeaks(ctx context.Context) {
	p := &peaks{
		ctx: ctx, read: readHeap, next: quiet,
		give: func() {
			if err := AfterStart(); err != nil {
				ctrl.LoggerFrom(ctx).V(2).Info("Some memory was not given back", "reason", err.Error())
			}
		},
	}
	p.awaitCollection()
}

// peaks decides when to give memory back.
type peaks struct {
	ctx  context.Context
	read func() heap
	give func()

	mu sync.Mutex
	// pending tells that the end of a load is being waited for. Guarded by mu, as are the others.
	pending bool
	// given is when memory was last given back, and next how long after that it may be again.
	given time.Time
	next  time.Duration
}

// sentinel is what a collection finds to be garbage. The pointer keeps it out of the runtime's blocks of tiny objects,
// which live as long as any object in them.
type sentinel struct{ _ *int }

// awaitCollection has collected called after the next collection.
func (p *peaks) awaitCollection() {
	runtime.AddCleanup(&sentinel{}, (*peaks).collected, p)
}

// collected is called after each collection.
func (p *peaks) collected() {
	if p.ctx.Err() != nil {
		return
	}
	p.awaitCollection()
	p.mu.Lock()
	defer p.mu.Unlock()
	if h := p.read(); !p.pending && h.worthTrimming() {
		p.pending = true
		p.lookAgain(h)
	}
}

// lookAgain is called with mu held.
func (p *peaks) lookAgain(before heap) {
	wait := max(quiet, time.Until(p.given.Add(p.next)))
	time.AfterFunc(wait, func() { p.look(before) })
}

// look gives memory back if the load that was seen before is over, and waits on while it is not.
func (p *peaks) look(before heap) {
	if p.ctx.Err() != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.read()
	switch {
	case !now.worthTrimming(): // the runtime has done it itself
		p.pending = false
	case now.cycles-before.cycles > fewWhenOver:
		p.lookAgain(now)
	default:
		p.give()
		p.pending = false
		if since := time.Since(p.given); since > longest {
			p.next = quiet
		} else {
			p.next = min(2*p.next, longest)
		}
		p.given = time.Now()
	}
}

var samples = []string{
	"/gc/heap/live:bytes", "/gc/cycles/total:gc-cycles",
	"/memory/classes/heap/free:bytes", "/memory/classes/heap/objects:bytes", "/memory/classes/heap/unused:bytes",
}

func readHeap() heap {
	s := make([]metrics.Sample, len(samples))
	for i := range s {
		s[i].Name = samples[i]
	}
	metrics.Read(s)
	return heap{
		live: s[0].Value.Uint64(), cycles: s[1].Value.Uint64(),
		mapped: s[2].Value.Uint64() + s[3].Value.Uint64() + s[4].Value.Uint64(),
	}
}
