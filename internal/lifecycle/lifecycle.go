// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Component is a part that runs until its context ends.
type Component interface {
	// Start runs the part and blocks until ctx ends (then it returns nil once everything it started is gone) or until
	// it can't go on (then it returns why). It is called once.
	Start(ctx context.Context) error
	// Ready returns a channel that is closed when the part first does its job. It never blocks.
	Ready() <-chan struct{}
}

// Observer is told about the start of each part of a group; any field may be nil. Its functions are called one at a time.
type Observer struct {
	Ready   func(name string, took time.Duration)
	Stopped func(name string, took time.Duration)
}

// Group runs parts in order: each starts when the one before it is ready, and they stop in reverse.
// The zero value is ready to use. It is for one goroutine, but for Start's own.
type Group struct {
	Observer Observer
	// Now is the clock for the figures given to Observer; nil means time.Now.
	Now func() time.Time

	parts []part
	ready chan struct{}
	once  sync.Once
}

type part struct {
	name  string
	build func(ctx context.Context) (Component, error)
}

// Add appends a part that is already made. The name of a part that is a group itself is empty.
func (g *Group) Add(name string, component Component) {
	g.AddLater(name, func(context.Context) (Component, error) { return component, nil })
}

// AddLater appends a part that is made when its turn comes, since it needs what the ones before it have brought up.
// A nil component without an error is passed over.
func (g *Group) AddLater(name string, build func(ctx context.Context) (Component, error)) {
	g.parts = append(g.parts, part{name, build})
}

// Ready is closed when every part is ready.
func (g *Group) Ready() <-chan struct{} {
	g.once.Do(func() { g.ready = make(chan struct{}) })
	return g.ready
}

type running struct {
	name   string
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// Start runs all parts until ctx ends or one of them fails; the error names the part.
func (g *Group) Start(ctx context.Context) (retErr error) {
	now := g.Now
	if now == nil {
		now = time.Now
	}
	var started []*running
	failed := make(chan *running, len(g.parts))
	defer func() {
		for i := len(started) - 1; i >= 0; i-- {
			r, begin := started[i], now()
			r.cancel()
			<-r.done
			if r.err != nil {
				err := named(r.name, r.err)
				if retErr == nil || !errors.Is(retErr, r.err) {
					retErr = errors.Join(retErr, err)
				}
			}
			if g.Observer.Stopped != nil {
				g.Observer.Stopped(r.name, now().Sub(begin))
			}
		}
	}()
	for _, p := range g.parts {
		begin := now()
		component, err := p.build(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return nil
			}
			return named(p.name, err)
		}
		if component == nil {
			continue
		}
		r := launch(ctx, p.name, component, failed)
		started = append(started, r)
		select {
		case <-component.Ready():
			if g.Observer.Ready != nil {
				g.Observer.Ready(p.name, now().Sub(begin))
			}
		case f := <-failed:
			return named(f.name, f.err)
		case <-ctx.Done():
			return nil
		}
	}
	g.Ready()
	close(g.ready)
	select {
	case f := <-failed:
		return named(f.name, f.err)
	case <-ctx.Done():
		return nil
	}
}

// named says which part err is about. A part without a name is itself a group, whose errors name their parts.
func named(name string, err error) error {
	if name == "" {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// launch starts component under a context of its own, so that it is stopped in its turn and not with everything else.
func launch(ctx context.Context, name string, component Component, failed chan<- *running) *running {
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	r := &running{name: name, cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		r.err = component.Start(own)
		if own.Err() == nil {
			if r.err == nil {
				r.err = errors.New("stopped by itself")
			}
			failed <- r
		}
	}()
	return r
}
