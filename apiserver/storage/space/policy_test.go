// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package space

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	mib = int64(1) << 20
	gib = int64(1) << 30
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }

func TestLimitsFollowFromTheQuota(t *testing.T) {
	for name, c := range map[string]struct {
		quota int64
		want  limits
	}{
		"the least quota": {16 * mib, limits{quota: 16 * mib, history: 2 * mib, step: mib / 8, defragment: 8 * mib}},
		"the default":     {8 * gib, limits{quota: 8 * gib, history: 256 * mib, step: 16 * mib, defragment: 256 * mib}},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, limitsOf(c.quota), cmp.AllowUnexported(limits{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhatIsGivenUp(t *testing.T) {
	// 20 MiB a second since the beginning, one revision a MiB.
	steady := func(seconds int) []mark {
		var marks []mark
		for s := range seconds {
			marks = append(marks, mark{at: at(s), revision: int64(20*s + 1), written: int64(20*s) * mib})
		}
		return marks
	}
	for name, c := range map[string]struct {
		quota int64
		o     observation
		want  compaction
	}{
		"an idle store keeps everything": {8 * gib, observation{now: at(600), inUse: 40 * mib, base: 40 * mib, size: 60 * mib, revision: 500}, compaction{}},
		"a little history is kept": {8 * gib, observation{
			now: at(12), inUse: 250 * mib, base: 10 * mib, revision: 241, written: 240 * mib, marks: steady(13),
		}, compaction{}},
		"of much history the older half is given up": {8 * gib, observation{
			now: at(20), inUse: 410 * mib, base: 10 * mib, revision: 401, written: 400 * mib, marks: steady(21),
		}, compaction{revision: 14*20 + 1 - 80}}, // 10 s ago, since 128 MiB are less than 10 s
		"history that was written in a moment is kept for ten seconds": {8 * gib, observation{
			now: at(4), inUse: 310 * mib, base: 10 * mib, revision: 301, written: 300 * mib,
			marks: []mark{{at: at(1), revision: 1, written: 0}, {at: at(3), revision: 200, written: 200 * mib}},
		}, compaction{again: keepFor / 4}},
		"unless the room gets short": {gib, observation{
			now: at(4), inUse: 900 * mib, base: 10 * mib, revision: 901, written: 890 * mib,
			marks: []mark{{at: at(1), revision: 1, written: 0}, {at: at(3), revision: 840, written: 830 * mib}, {at: at(4), revision: 901, written: 890 * mib}},
		}, compaction{revision: 840}},
		"a large store may have a large history": {8 * gib, observation{
			now: at(600), inUse: 2900 * mib, base: 2000 * mib, revision: 901, written: 900 * mib,
			marks: []mark{{at: at(1), revision: 1}, {at: at(580), revision: 600, written: 600 * mib}},
		}, compaction{}},
		"but no more than half of the room that is left": {4 * gib, observation{
			now: at(600), inUse: 3900 * mib, base: 3500 * mib, revision: 401, written: 400 * mib,
			marks: []mark{{at: at(1), revision: 1}, {at: at(580), revision: 301, written: 300 * mib}},
		}, compaction{revision: 301}},
		"what was given up is not given up again": {8 * gib, observation{
			now: at(60), inUse: 410 * mib, base: 10 * mib, revision: 401, written: 400 * mib, compacted: 390,
			marks: []mark{{at: at(40), revision: 380, written: 380 * mib}},
		}, compaction{again: keepFor / 4}},
		"a write that waits is worth everything": {8 * gib, observation{
			now: at(2), inUse: 8 * gib, base: 10 * mib, revision: 401, waiting: 1,
		}, compaction{revision: 401, forced: true}},
		"so is an alarm":         {8 * gib, observation{now: at(2), inUse: 20 * mib, base: 20 * mib, revision: 401, noSpace: true}, compaction{revision: 401, forced: true}},
		"so is a full store":     {8 * gib, observation{now: at(2), inUse: 8 * gib, base: 8 * gib, revision: 401, full: true}, compaction{revision: 401, forced: true}},
		"a full store at rest":   {8 * gib, observation{now: at(2), inUse: 8 * gib, base: 8 * gib, revision: 401, compacted: 401, full: true}, compaction{}},
		"a start near the quota": {8 * gib, observation{now: at(0), size: 7500 * mib, inUse: 7000 * mib, base: 7000 * mib, revision: 401, starting: true}, compaction{revision: 401, forced: true}},
		"a start with much room": {8 * gib, observation{now: at(0), size: 5000 * mib, inUse: 5000 * mib, base: 5000 * mib, revision: 401, starting: true}, compaction{}},
		"more is used than there is": {gib, observation{
			now: at(20), inUse: 1100 * mib, base: 1090 * mib, revision: 401, written: 400 * mib, marks: []mark{{at: at(1), revision: 300, written: 400 * mib}},
		}, compaction{revision: 401, forced: true}},
	} {
		t.Run(name, func(t *testing.T) {
			got := planCompaction(c.o, limitsOf(c.quota))
			if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(compaction{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhenTheFileIsWrittenAnew(t *testing.T) {
	type answer struct {
		Now   bool
		Again time.Duration
	}
	for name, c := range map[string]struct {
		quota int64
		o     observation
		want  answer
	}{
		"a small file never":                {8 * gib, observation{now: at(900), size: 200 * mib, inUse: 10 * mib, quietSince: at(0)}, answer{}},
		"a file that is mostly used":        {8 * gib, observation{now: at(900), size: 800 * mib, inUse: 500 * mib, quietSince: at(0)}, answer{}},
		"a mostly free one at a quiet time": {8 * gib, observation{now: at(900), size: 800 * mib, inUse: 300 * mib, quietSince: at(0)}, answer{Now: true}},
		"which has not come yet":            {8 * gib, observation{now: at(900), size: 800 * mib, inUse: 300 * mib, quietSince: at(890)}, answer{Again: 20 * time.Second}},
		"nor twice in ten minutes":          {8 * gib, observation{now: at(900), size: 800 * mib, inUse: 300 * mib, quietSince: at(0), defragmented: at(600)}, answer{Again: 300 * time.Second}},
		"never for a minute":                {8 * gib, observation{now: at(900), size: 7 * gib, inUse: 3 * gib, quietSince: at(0)}, answer{}},
		"at the quota at once":              {8 * gib, observation{now: at(900), size: 8 * gib, inUse: 3 * gib, quietSince: at(899)}, answer{Now: true}},
		"at the quota with all in use":      {8 * gib, observation{now: at(900), size: 8 * gib, inUse: 7800 * mib, quietSince: at(899)}, answer{}},
		"with an alarm for a little":        {8 * gib, observation{now: at(900), size: 8 * gib, inUse: 8100 * mib, noSpace: true}, answer{Now: true}},
		"with an alarm not for nothing":     {8 * gib, observation{now: at(900), size: 8 * gib, inUse: 8190 * mib, noSpace: true}, answer{}},
		"before a start near the quota":     {8 * gib, observation{now: at(0), size: 7500 * mib, inUse: 4 * gib, quietSince: at(0), starting: true}, answer{Now: true}},
		"not before a start with much room": {8 * gib, observation{now: at(0), size: 5 * gib, inUse: 100 * mib, quietSince: at(0), starting: true}, answer{Again: quietFor}},
	} {
		t.Run(name, func(t *testing.T) {
			var got answer
			got.Now, got.Again = planDefragmentation(c.o, limitsOf(c.quota))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFullStoreStaysFullUntilThereIsRoomForTwo(t *testing.T) {
	l := limitsOf(100 * mib)
	for inUse, want := range map[int64][2]bool{ // not full before, full before
		90 * mib: {false, false},
		97 * mib: {false, true},
		99 * mib: {true, true},
	} {
		if got := [2]bool{isFull(inUse, l, false), isFull(inUse, l, true)}; got != want {
			t.Errorf("%d MiB: got %v, want %v", inUse>>20, got, want)
		}
	}
}

func TestMomentsAreForgotten(t *testing.T) {
	var marks []mark
	for s := range 2000 {
		marks = remember(marks, mark{at: at(s), revision: int64(s)}, 0, time.Hour)
	}
	if len(marks) > 256 || marks[len(marks)-1].revision != 1999 {
		t.Errorf("%d are kept, the last %v", len(marks), marks[len(marks)-1])
	}
	for i := range marks[1:] {
		if marks[i+1].revision <= marks[i].revision {
			t.Fatalf("out of order: %v", marks)
		}
	}
	marks = remember(marks, mark{at: at(2000), revision: 2000}, 1990, time.Hour)
	if marks[0].revision != 1991 {
		t.Errorf("what was compacted is kept: %v", marks[0])
	}
	marks = remember(marks, mark{at: at(5600), revision: 2001}, 1990, time.Hour)
	if len(marks) != 2 || marks[0].revision != 2000 {
		t.Errorf("an hour is over for %v", marks)
	}
}
