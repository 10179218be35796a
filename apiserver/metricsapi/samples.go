// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package metricsapi

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
)

// usage is what something uses at a time.
type usage struct {
	at        time.Time
	window    time.Duration // over which cores were averaged
	nanoCores uint64
	memory    uint64 // the working set, in bytes
}

// sample is what an agent said about its node.
type sample struct {
	node *usage
	pods map[types.UID]map[string]usage // by container
	// total is the processor time of everything so far, to compute averages where an agent gives none.
	total map[string]total
}

type total struct {
	at          time.Time
	nanoSeconds uint64
}

// fetchFunc asks the agent of a node; before is the last sample, or nil.
type fetchFunc func(ctx context.Context, node string, before *sample) (*sample, error)

// samples keeps the last sample of every node that somebody asked about. It is safe for concurrent use.
type samples struct {
	clock  clock.PassiveClock
	maxAge time.Duration
	fetch  fetchFunc

	mu    sync.Mutex
	nodes map[string]*entry // guarded by mu
}

// entry is one node. Its mutex is held during a fetch, so that others wait for that one instead of starting their own.
type entry struct {
	mu     sync.Mutex
	at     time.Time
	sample *sample
}

func newSamples(c clock.PassiveClock, maxAge time.Duration, fetch fetchFunc) *samples {
	return &samples{clock: c, maxAge: maxAge, fetch: fetch, nodes: map[string]*entry{}}
}

// fetchers is how many agents are asked at the same time by one question.
const fetchers = 16

// of returns samples of nodes no older than maxAge; nodes that do not answer are missing. Of nodes other than those in
// alive nothing is kept.
func (s *samples) of(ctx context.Context, wanted []string, alive map[string]bool) map[string]*sample {
	s.forget(alive)
	var (
		group  sync.WaitGroup
		mu     sync.Mutex
		result = make(map[string]*sample, len(wanted))
		slots  = make(chan struct{}, fetchers)
	)
	for _, node := range wanted {
		slots <- struct{}{}
		group.Go(func() {
			defer func() { <-slots }()
			if got := s.one(ctx, node); got != nil {
				mu.Lock()
				defer mu.Unlock()
				result[node] = got
			}
		})
	}
	group.Wait()
	return result
}

func (s *samples) one(ctx context.Context, node string) *sample {
	s.mu.Lock()
	e := s.nodes[node]
	if e == nil {
		e = &entry{}
		s.nodes[node] = e
	}
	s.mu.Unlock()

	e.mu.Lock()
	defer e.mu.Unlock()
	now := s.clock.Now()
	if !e.at.IsZero() && now.Sub(e.at) < s.maxAge {
		return e.sample // also when it is nil: a node that is down is not asked again at once
	}
	got, err := s.fetch(ctx, node, e.sample)
	if err != nil {
		if ctx.Err() != nil {
			return nil // the asker went away: says nothing about the node
		}
		klog.FromContext(ctx).V(2).Info("A node agent gives no figures", "node", node, "err", err)
		got = nil
	}
	e.at, e.sample = now, got
	return got
}

func (s *samples) forget(alive map[string]bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for node := range s.nodes {
		if !alive[node] {
			delete(s.nodes, node)
		}
	}
}
