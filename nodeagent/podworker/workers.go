// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podworker

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
)

// Result of one call of a handler.
type Result struct {
	// Again is when to call again even if nothing wakes the worker; zero means not.
	Again time.Duration
	// Done ends the worker: there is nothing left of the pod.
	Done bool
}

// Handler does the work for one pod. ctx ends early when the work in course was interrupted: a newer desired state makes
// it moot. It is called again right away then.
type Handler func(ctx context.Context, uid types.UID) Result

// Workers are safe for use from several goroutines.
type Workers struct {
	handle Handler
	clock  clock.WithTicker

	mu sync.Mutex
	// ctx is set while Start runs; workers woken before it begin then.
	ctx     context.Context
	workers map[types.UID]*worker
	running sync.WaitGroup
}

type worker struct {
	wake chan struct{}
	// interrupt ends the call in course; nil between calls. Guarded by Workers.mu.
	interrupt context.CancelFunc
	started   bool
}

// New returns workers that begin with Start.
func New(clock clock.WithTicker, handle Handler) *Workers {
	return &Workers{handle: handle, clock: clock, workers: map[types.UID]*worker{}}
}

// Start lets workers run until ctx ends, and returns when all of them have.
func (w *Workers) Start(ctx context.Context) error {
	w.mu.Lock()
	w.ctx = ctx
	for uid, one := range w.workers {
		w.launch(uid, one)
	}
	w.mu.Unlock()
	<-ctx.Done()
	w.mu.Lock()
	w.ctx = nil // no new ones from here
	w.mu.Unlock()
	w.running.Wait()
	return nil
}

// Wake has the handler called for this pod, soon and at least once after now.
func (w *Workers) Wake(uid types.UID) { w.poke(uid, false) }

// Interrupt is Wake, and ends the call in course.
func (w *Workers) Interrupt(uid types.UID) { w.poke(uid, true) }

func (w *Workers) poke(uid types.UID, interrupt bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	one, here := w.workers[uid]
	if !here {
		one = &worker{wake: make(chan struct{}, 1)}
		w.workers[uid] = one
		w.launch(uid, one)
	}
	select {
	case one.wake <- struct{}{}:
	default: // it is going to be called anyway
	}
	if interrupt && one.interrupt != nil {
		one.interrupt()
	}
}

// launch starts a worker's goroutine, once there is a context for it. The caller holds mu.
func (w *Workers) launch(uid types.UID, one *worker) {
	if w.ctx == nil || one.started {
		return
	}
	one.started = true
	ctx := w.ctx
	w.running.Go(func() { w.run(ctx, uid, one) })
}

func (w *Workers) run(ctx context.Context, uid types.UID, one *worker) {
	var again <-chan time.Time
	stop := func() {}
	defer func() { stop() }()
	for {
		select {
		case <-ctx.Done():
			return
		case <-one.wake:
		case <-again:
		}
		stop()
		again, stop = nil, func() {}
		result := w.call(ctx, uid, one)
		if result.Done && w.end(uid, one) {
			return
		}
		if result.Again > 0 {
			timer := w.clock.NewTimer(result.Again)
			again, stop = timer.C(), func() { timer.Stop() }
		}
	}
}

func (w *Workers) call(ctx context.Context, uid types.UID, one *worker) Result {
	calling, cancel := context.WithCancel(ctx)
	w.mu.Lock()
	one.interrupt = cancel
	w.mu.Unlock()
	defer func() {
		w.mu.Lock()
		one.interrupt = nil
		w.mu.Unlock()
		cancel()
	}()
	return w.handle(calling, uid)
}

// end removes a worker, unless it was woken since its handler said that it is done.
func (w *Workers) end(uid types.UID, one *worker) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(one.wake) > 0 {
		return false
	}
	delete(w.workers, uid)
	return true
}
