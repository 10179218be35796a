// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// fakeCache has seen a revision, and sees another one when it asks for progress.
type fakeCache struct {
	seen, after int64
	filling     bool
	err         error
	asked       atomic.Bool
}

func (f *fakeCache) Ready() bool { return !f.filling }

func (f *fakeCache) LastSyncResourceVersion() (uint64, error) {
	if f.asked.Load() {
		return uint64(f.after), f.err //nolint:gosec // small
	}
	return uint64(f.seen), f.err //nolint:gosec // small
}

func (f *fakeCache) RequestWatchProgress(context.Context) error {
	f.asked.Store(true)
	return nil
}

func TestCompactionWaitsForWhatCachesHaveSeen(t *testing.T) {
	for name, c := range map[string]struct {
		caches []*fakeCache
		want   int64
	}{
		"no caches":                             {nil, 100},
		"all have seen it":                      {[]*fakeCache{{seen: 100}, {seen: 250}}, 100},
		"one has not heard of it yet":           {[]*fakeCache{{seen: 120}, {seen: 5, after: 110}}, 100},
		"one lags behind":                       {[]*fakeCache{{seen: 120}, {seen: 5, after: 60}, {seen: 70, after: 70}}, 60},
		"one that is being filled lists anyway": {[]*fakeCache{{seen: 120}, {seen: 5, after: 5, filling: true}}, 100},
		"so does one that has failed":           {[]*fakeCache{{seen: 5, after: 5, err: errors.New("stopped")}}, 100},
	} {
		t.Run(name, func(t *testing.T) {
			var all caches
			for _, cache := range c.caches {
				all.add(cache)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
			defer cancel()
			if got := all.passed(ctx, 100); got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestCacheThatIsGoneIsNotWaitedFor(t *testing.T) {
	var all caches
	forget := all.add(&fakeCache{seen: 5, after: 5})
	all.add(&fakeCache{seen: 200})
	forget()
	if got := all.passed(t.Context(), 100); got != 100 {
		t.Errorf("got %d", got)
	}
}
