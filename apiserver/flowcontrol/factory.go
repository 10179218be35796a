// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	"sync"

	fq "k8s.io/apiserver/pkg/util/flowcontrol/fairqueuing"
	"k8s.io/apiserver/pkg/util/flowcontrol/metrics"
	"k8s.io/utils/clock"
)

// NewQueueSetFactory returns a factory of the queue sets of inner, with the rule of this package before them. The clock is
// for the times at which requests arrived, in dumps.
func NewQueueSetFactory(inner fq.QueueSetFactory, clock clock.PassiveClock) fq.QueueSetFactory {
	return factory{inner: inner, clock: clock}
}

type factory struct {
	inner fq.QueueSetFactory
	clock clock.PassiveClock
}

// BeginConstruction implements fq.QueueSetFactory.
func (f factory) BeginConstruction(config fq.QueuingConfig, requests metrics.RatioedGaugePair, seats metrics.RatioedGauge, demand metrics.Gauge) (fq.QueueSetCompleter, error) {
	counted := &demandGauge{Gauge: demand}
	inner, err := f.inner.BeginConstruction(config, requests, seats, counted)
	if err != nil {
		return nil, err
	}
	return completer{inner: inner, config: config, level: &level{
		clock: f.clock, waitingGauge: requests.RequestsWaiting, demand: counted, flows: map[uint64]*flow{},
	}}, nil
}

// completer implements fq.QueueSetCompleter for a new level, or for one that is there.
type completer struct {
	inner  fq.QueueSetCompleter
	config fq.QueuingConfig
	level  *level
}

func (c completer) Complete(config fq.DispatchingConfig) fq.QueueSet {
	c.level.configure(c.inner.Complete(config), c.config, config.ConcurrencyLimit)
	return c.level
}

// demandGauge adds the seats that are asked for by requests waiting here to those that the library knows of. What a level
// borrows from others depends on this number.
type demandGauge struct {
	metrics.Gauge

	mu            sync.Mutex
	inside, ahead float64 // guarded by mu
}

func (g *demandGauge) Set(v float64) { g.update(func() { g.inside = v }) }
func (g *demandGauge) Add(v float64) { g.update(func() { g.inside += v }) }
func (g *demandGauge) Inc()          { g.Add(1) }
func (g *demandGauge) Dec()          { g.Add(-1) }

// addAhead changes how many seats are asked for by requests that the library does not know of yet.
func (g *demandGauge) addAhead(seats int) { g.update(func() { g.ahead += float64(seats) }) }

func (g *demandGauge) update(change func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	change()
	g.Gauge.Set(g.inside + g.ahead)
}
