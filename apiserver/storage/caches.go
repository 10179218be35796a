// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"context"
	"slices"
	"sync"
	"time"

	genericstorage "k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/cacher"
)

// observer is a watch cache as compaction sees it.
type observer interface {
	// Ready reports a cache that is filled; others list first, and miss nothing.
	Ready() bool
	// LastSyncResourceVersion is the newest revision that the cache has seen. It waits for the cache to be filled.
	LastSyncResourceVersion() (uint64, error)
	// RequestWatchProgress asks etcd to tell the cache how far it has come.
	RequestWatchProgress(ctx context.Context) error
}

// watchCache is one of the library's over its storage.
type watchCache struct {
	*cacher.Cacher
	store genericstorage.Interface
}

// RequestWatchProgress implements observer.
func (c watchCache) RequestWatchProgress(ctx context.Context) error {
	return c.store.RequestWatchProgress(ctx)
}

// caches are all watch caches of a server. The zero value is ready to use.
type caches struct {
	mu  sync.Mutex
	all map[*observer]struct{} // guarded by mu
}

// add returns a function that takes the cache out again.
func (c *caches) add(cache observer) (forget func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[*observer]struct{}{}
	}
	c.all[&cache] = struct{}{}
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.all, &cache)
	}
}

func (c *caches) list() []observer {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]observer, 0, len(c.all))
	for cache := range c.all {
		list = append(list, *cache)
	}
	return list
}

// passPoll is how often caches that lag are looked at.
const passPoll = 20 * time.Millisecond

// passed is the newest revision, at most revision, that all caches have seen. Caches of resources that nobody writes hear
// of no revision unless they ask; so those that lag do, until ctx ends.
func (c *caches) passed(ctx context.Context, revision int64) int64 {
	lagging := c.list()
	for {
		least := revision
		lagging = slices.DeleteFunc(lagging, func(cache observer) bool {
			seen := seenBy(cache, revision)
			least = min(least, seen)
			return seen >= revision
		})
		if len(lagging) == 0 {
			return revision
		}
		for _, cache := range lagging {
			_ = cache.RequestWatchProgress(ctx) // it is asked again as long as it lags
		}
		select {
		case <-ctx.Done():
			return least
		case <-time.After(passPoll):
		}
	}
}

// seenBy is the newest revision that cache has seen, at most revision. One that is filled just now has missed nothing.
func seenBy(cache observer, revision int64) int64 {
	if !cache.Ready() {
		return revision
	}
	seen := make(chan int64, 1)
	go func() { // a cache that is filled again since can't be asked and left
		version, err := cache.LastSyncResourceVersion()
		if err != nil || version > uint64(revision) { //nolint:gosec // a revision is positive
			version = uint64(revision) //nolint:gosec // as above
		}
		seen <- int64(version) //nolint:gosec // at most revision
	}()
	select {
	case version := <-seen:
		return version
	case <-time.After(passPoll):
		return 0
	}
}
