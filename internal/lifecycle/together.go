// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Together is several parts that start and stop at the same time, since none needs another.
// The zero value is ready to use. It is for one goroutine, but for Start's own.
type Together struct {
	Observer Observer
	// Now is the clock for the figures given to Observer; nil means time.Now.
	Now func() time.Time

	parts []part
	ready chan struct{}
	once  sync.Once
}

// Add adds a part that is made, like all of them, when Start is called.
func (t *Together) Add(name string, build func(ctx context.Context) (Component, error)) {
	t.parts = append(t.parts, part{name, build})
}

// Ready is closed when every part is ready.
func (t *Together) Ready() <-chan struct{} {
	t.once.Do(func() { t.ready = make(chan struct{}) })
	return t.ready
}

// Start runs all parts until ctx ends or one of them fails; then the others are stopped. The error names the part.
func (t *Together) Start(ctx context.Context) error {
	now := t.Now
	if now == nil {
		now = time.Now
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu     sync.Mutex
		all    error          // guarded by mu
		run    sync.WaitGroup // every part's Start
		starts sync.WaitGroup // every part's readiness, or its end
	)
	fail := func(name string, err error) {
		mu.Lock()
		defer mu.Unlock()
		all = errors.Join(all, named(name, err))
		cancel()
	}
	begin := now()
	for _, p := range t.parts {
		starts.Add(1)
		run.Go(func() {
			component, err := p.build(ctx)
			if err != nil || component == nil {
				if err != nil && ctx.Err() == nil {
					fail(p.name, err)
				}
				starts.Done()
				return
			}
			run.Go(func() {
				defer starts.Done()
				select {
				case <-component.Ready():
				case <-ctx.Done():
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if t.Observer.Ready != nil {
					t.Observer.Ready(p.name, now().Sub(begin))
				}
			})
			switch err := component.Start(ctx); {
			case err != nil:
				fail(p.name, err)
			case ctx.Err() == nil:
				fail(p.name, errors.New("stopped by itself"))
			}
		})
	}
	starts.Wait()
	if ctx.Err() == nil {
		t.Ready()
		close(t.ready)
	}
	run.Wait()
	return all
}
