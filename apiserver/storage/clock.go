// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"time"

	"k8s.io/utils/clock"
)

// together is a clock whose long timers end on whole seconds, so that those of all watch caches end at once. Each cache
// has a timer of about a second for its bookmarks, and waking up for every one of them alone is most of what an idle
// server costs. A timer never ends early, and up to a second late; short ones are left as they are.
type together struct {
	clock.WithTicker
	start time.Time
}

func newTogether(c clock.WithTicker) together { return together{WithTicker: c, start: c.Now()} }

func (t together) NewTimer(d time.Duration) clock.Timer {
	return timer{Timer: t.WithTicker.NewTimer(t.align(d)), clock: t}
}

func (t together) align(d time.Duration) time.Duration {
	if d < time.Second {
		return d
	}
	end := t.Since(t.start) + d
	if late := end % time.Second; late != 0 {
		d += time.Second - late
	}
	return d
}

type timer struct {
	clock.Timer
	clock together
}

func (t timer) Reset(d time.Duration) bool { return t.Timer.Reset(t.clock.align(d)) }
