// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"context"
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const mb = 1 << 20

func TestWhenMemoryIsGivenBack(t *testing.T) {
	for _, c := range []struct {
		name string
		// collections are those of the first minutes: when, and what is in use and mapped after them, in MB.
		collections []collection
		want        []time.Duration // when memory was given back
	}{
		{
			name:        "a heap that is used is left alone",
			collections: []collection{{0, 300, 370}, {60, 300, 370}},
		},
		{
			name:        "a small one is not worth it",
			collections: []collection{{0, 10, 70}},
		},
		{
			name:        "after a peak",
			collections: []collection{{0, 300, 900}, {1, 300, 900}},
			want:        []time.Duration{quiet},
		},
		{
			name:        "not while the load goes on",
			collections: []collection{{0, 300, 900}, {3, 300, 900}, {6, 300, 900}, {9, 300, 900}, {12, 300, 900}, {15, 300, 900}, {18, 300, 900}},
			want:        []time.Duration{3 * quiet},
		},
		{
			name:        "not when the runtime has done it",
			collections: []collection{{0, 300, 900}, {8, 300, 310}},
		},
		{
			name: "ever more rarely when it is needed again each time",
			collections: []collection{
				{0, 300, 900}, {15, 300, 900}, {30, 300, 900}, {45, 300, 900}, {60, 300, 900}, {75, 300, 900}, {90, 300, 900}, {105, 300, 900}, {120, 300, 900},
			},
			want: []time.Duration{10 * time.Second, 25 * time.Second, 45 * time.Second, 95 * time.Second},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var got []time.Duration
				var now heap
				p := &peaks{ctx: ctx, next: quiet, read: func() heap { return now }}
				p.give = func() {
					got = append(got, time.Since(began))
					now.mapped = now.live
				}
				for _, at := range c.collections {
					<-time.After(time.Until(began.Add(at.second * time.Second)))
					synctest.Wait()
					p.mu.Lock()
					now = heap{live: at.live * mb, mapped: at.mapped * mb, cycles: now.cycles + 1}
					p.mu.Unlock()
					p.collected()
				}
				<-time.After(time.Until(began.Add(130 * time.Second)))
				synctest.Wait()
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

type collection struct {
	second       time.Duration
	live, mapped uint64
}

// TestAPeakIsGivenBack is with the runtime's own collections.
func TestAPeakIsGivenBack(t *testing.T) {
	p := &peaks{ctx: t.Context(), read: readHeap, next: quiet, give: func() { _ = AfterStart() }}
	p.awaitCollection()
	load := make([][]byte, 0, 200)
	for range cap(load) {
		load = append(load, make([]byte, mb))
	}
	runtime.KeepAlive(load)
	load = nil
	deadline := time.Now().Add(10 * time.Second)
	for seen := false; !seen; {
		if time.Now().After(deadline) {
			t.Fatalf("no collection was noticed: %+v", readHeap())
		}
		runtime.GC()
		p.mu.Lock()
		seen = p.pending || !readHeap().worthTrimming() // the runtime's own scavenger may have been quicker
		p.mu.Unlock()
	}
	p.look(readHeap()) // as the timer would
	if after := readHeap(); after.worthTrimming() {
		t.Errorf("there is still much to give back: %+v", after)
	}
}

func TestEveryFigureIsThere(t *testing.T) {
	known := map[string]bool{}
	for _, d := range metrics.All() {
		known[d.Name] = d.Kind == metrics.KindUint64
	}
	for _, name := range samples {
		if !known[name] {
			t.Errorf("the runtime has no figure %s", name)
		}
	}
}
