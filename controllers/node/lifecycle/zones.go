// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/util/flowcontrol"
	"k8s.io/component-helpers/node/topology"
	"k8s.io/utils/clock"
)

// zone counts the nodes of one zone.
type zone struct {
	ready, notReady int
}

// state is how bad things are in a zone.
type state int

const (
	normal state = iota
	partlyDisrupted
	fullyDisrupted
)

func (z zone) state(threshold float32) state {
	switch {
	case z.ready == 0 && z.notReady > 0:
		return fullyDisrupted
	case z.notReady > 2 && float32(z.notReady)/float32(z.notReady+z.ready) >= threshold:
		return partlyDisrupted
	}
	return normal
}

// countZones counts the nodes of every zone.
func countZones(nodes []corev1.Node) map[string]zone {
	zones := map[string]zone{}
	for i := range nodes {
		key := topology.GetZoneKey(&nodes[i])
		z := zones[key]
		if ready := condition(&nodes[i], corev1.NodeReady); ready != nil && ready.Status == corev1.ConditionTrue {
			z.ready++
		} else {
			z.notReady++
		}
		zones[key] = z
	}
	return zones
}

// rate is how many nodes a second may be evicted in a zone.
func rate(z zone, settings Settings) float32 {
	switch {
	case z.state(settings.UnhealthyZoneThreshold) != partlyDisrupted:
		return settings.EvictionRate
	case z.ready+z.notReady > settings.LargeClusterSize:
		return settings.SecondaryEvictionRate
	}
	return 0
}

// halted reports whether all zones are fully disrupted. Then nothing is evicted, and what was about to be is spared: when
// no node at all is heard of, the fault is more likely on this side.
func halted(zones map[string]zone, settings Settings) bool {
	for _, z := range zones {
		if z.state(settings.UnhealthyZoneThreshold) != fullyDisrupted {
			return false
		}
	}
	return true
}

// gate lets nodes through to eviction at the rate of their zone. It is safe for concurrent use.
type gate struct {
	clock clock.WithTicker

	mu sync.Mutex
	// limiters and rates are by zone; guarded by mu.
	limiters map[string]flowcontrol.PassiveRateLimiter
	rates    map[string]float32
}

func newGate(clock clock.WithTicker) *gate {
	return &gate{clock: clock, limiters: map[string]flowcontrol.PassiveRateLimiter{}, rates: map[string]float32{}}
}

// pass reports whether a node of the zone may be evicted now and, when not, after how long to ask again.
func (g *gate) pass(key string, rate float32, again time.Duration) (bool, time.Duration) {
	if rate <= 0 {
		return false, again
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.limiters[key] == nil || g.rates[key] != rate {
		g.limiters[key] = flowcontrol.NewTokenBucketPassiveRateLimiterWithClock(rate, 1, g.clock)
		g.rates[key] = rate
	}
	if g.limiters[key].TryAccept() {
		return true, 0
	}
	return false, time.Duration(float32(time.Second) / rate)
}
