// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// diskUse is what a directory holds and what is left around it.
type diskUse struct {
	at           time.Time
	bytes, files uint64
	filesystem
}

// filesystem is one that a directory is on.
type filesystem struct {
	device                uint64
	capacity, available   uint64
	inodes, inodesFree    uint64
	usedBytes, usedInodes uint64
}

// diskCache remembers what walks through directories found. Walks take as long as there are files, so one runs at a time
// and its result is good for a while.
type diskCache struct {
	clock  clock.PassiveClock
	maxAge time.Duration

	mu   sync.Mutex
	dirs map[string]diskUse // guarded by mu, which is held during a walk
}

func newDiskCache(c clock.PassiveClock, maxAge time.Duration) *diskCache {
	return &diskCache{clock: c, maxAge: maxAge, dirs: map[string]diskUse{}}
}

// use returns what a directory holds; it is false for one that is not there.
func (d *diskCache) use(dir string) (diskUse, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.clock.Now()
	if use, known := d.dirs[dir]; known && now.Sub(use.at) < d.maxAge {
		return use, true
	}
	use := diskUse{at: now}
	var err error
	if use.filesystem, err = statfs(dir); err != nil {
		delete(d.dirs, dir)
		return use, false
	}
	use.bytes, use.files = walk(dir)
	d.forget(now)
	d.dirs[dir] = use
	return use, true
}

// forget drops directories that nobody asked about for long. The caller holds mu.
func (d *diskCache) forget(now time.Time) {
	for dir, use := range d.dirs {
		if now.Sub(use.at) > 2*d.maxAge {
			delete(d.dirs, dir)
		}
	}
}
