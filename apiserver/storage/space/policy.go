// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package space

import "time"

const (
	// keepFor is how long versions are kept whatever is written, as long as there is room.
	keepFor = 10 * time.Second
	// quietFor is how long hardly anything has been written when the store is defragmented, which lets writes wait.
	quietFor = 30 * time.Second
	// quietBytes are hardly anything: leases and the status of nodes.
	quietBytes = 1 << 20
	// defragmentEvery is the least time between two defragmentations that nothing forces.
	defragmentEvery = 10 * time.Minute
	// fullCheck is how often a store without room is looked at, for what others gave up or deleted.
	fullCheck = 10 * time.Second
)

const (
	// maxHistory is how much the old versions may need before they are given up, in a store of small objects.
	maxHistory = 256 << 20
	// maxPause is the most that may be in use for a defragmentation that nothing forces; about ten seconds.
	maxPause = 1 << 30
	// maxLog is how much of the log a start has to read, and holds in memory.
	maxLog = 64 << 20
	// largestWrite is the room that the largest request needs, which etcd limits to 1.5 MiB.
	largestWrite = 2 << 20
)

// limits are what follows from a quota, in bytes.
type limits struct {
	quota int64
	// history is how much old versions may need in any case.
	history int64
	// step is how much is written between two looks.
	step int64
	// defragment is the smallest file worth it.
	defragment int64
}

func limitsOf(quota int64) limits {
	history := min(maxHistory, quota/8)
	return limits{quota: quota, history: history, step: history / 16, defragment: min(maxHistory, quota/2)}
}

// observation is what the Keeper sees when it looks.
type observation struct {
	now time.Time
	// size is that of the file, inUse what its pages hold, and base what they held after the last compaction.
	size, inUse, base int64
	// revision is the newest, compacted the one up to which old versions were given up.
	revision, compacted int64
	// written counts the bytes of all writes; marks are earlier moments, oldest first.
	written int64
	marks   []mark
	// quietSince is when hardly anything began to be written.
	quietSince time.Time
	// defragmented is when that was last done, zero for never.
	defragmented time.Time
	// waiting are writes that wait for room.
	waiting int
	// noSpace is etcd's alarm; full is that there was no room for every write.
	noSpace, full bool
	// starting is before the server serves: nobody has seen a version that could be missed, and nobody waits.
	starting bool
}

// mark is a moment in the history of the store.
type mark struct {
	at       time.Time
	revision int64
	written  int64
}

// compaction is what is to be given up.
type compaction struct {
	// revision is the newest version that need not be kept unless it is current; 0 gives nothing up.
	revision int64
	// forced does not wait for watch caches that have not seen it.
	forced bool
	// again is when to look again, though nothing is written; 0 is when something is.
	again time.Duration
}

// planCompaction decides what is to be given up.
func planCompaction(o observation, l limits) compaction {
	if o.noSpace || o.waiting > 0 || isFull(o.inUse, l, o.full) || (o.starting && o.size > l.quota-l.quota/8) {
		if o.revision <= o.compacted {
			return compaction{}
		}
		return compaction{revision: o.revision, forced: true}
	}
	room := l.quota - o.base
	enough := min(max(l.history, o.base/2), room/2)
	if grown := o.inUse - o.base; grown < enough {
		return compaction{}
	}
	// The oldest moment since which no more than half of that was written: about half is given up. The last mark is now.
	var chosen mark
	for _, m := range o.marks {
		if o.written-m.written <= enough/2 {
			chosen = m
			break
		}
	}
	if pressing := o.inUse-o.base > room-room/4; !pressing && o.now.Sub(chosen.at) < keepFor {
		chosen = mark{}
		for _, m := range o.marks {
			if o.now.Sub(m.at) >= keepFor {
				chosen = m
			}
		}
	}
	if chosen.revision <= o.compacted {
		return compaction{again: keepFor / 4}
	}
	return compaction{revision: chosen.revision}
}

// planDefragmentation decides whether the file is to be written anew now, and if not, when to look again (0: when
// something is written).
func planDefragmentation(o observation, l limits) (now bool, again time.Duration) {
	switch free := o.size - o.inUse; {
	case o.noSpace && free > 4*largestWrite,
		o.starting && o.size > l.quota-l.quota/8 && free > l.quota/16,
		o.size >= l.quota && free > l.quota/8:
		return true, 0
	}
	if o.size < l.defragment || o.inUse > o.size/2 || o.inUse > maxPause {
		return false, 0
	}
	wait := quietFor - o.now.Sub(o.quietSince)
	if !o.defragmented.IsZero() {
		wait = max(wait, defragmentEvery-o.now.Sub(o.defragmented))
	}
	if wait > 0 {
		return false, wait
	}
	return true, 0
}

// isFull reports that there is no room for every write. A full store stays so until there is room for two.
func isFull(inUse int64, l limits, was bool) bool {
	if was {
		return inUse+2*largestWrite > l.quota
	}
	return inUse+largestWrite > l.quota
}

// remember adds the present moment to marks and forgets those that no longer matter: nothing is kept for longer than
// interval, and of the moments that were compacted one is enough.
func remember(marks []mark, m mark, compacted int64, interval time.Duration) []mark {
	kept := marks[:0:0]
	for _, old := range marks {
		if old.revision > compacted && m.at.Sub(old.at) <= interval {
			kept = append(kept, old)
		}
	}
	const most = 256
	if len(kept) >= most { // thin out the older half
		thin := kept[:0:0]
		for i, old := range kept {
			if i >= most/2 || i%2 == 0 {
				thin = append(thin, old)
			}
		}
		kept = thin
	}
	return append(kept, m)
}
