// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"testing"
	"time"
)

func TestRate(t *testing.T) {
	epoch := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	at := func(seconds float64, total uint64) reading {
		return reading{at: epoch.Add(time.Duration(seconds * float64(time.Second))), total: total}
	}
	const second = uint64(time.Second)
	for name, test := range map[string]struct {
		past  []reading
		now   reading
		born  time.Time
		want  uint64
		known bool
	}{
		"nothing is known of the past":                   {now: at(100, second)},
		"the average since the last reading":             {past: []reading{at(85, 0)}, now: at(100, 3*second), want: second / 5, known: true},
		"an idle cgroup uses nothing":                    {past: []reading{at(90, second)}, now: at(100, second), want: 0, known: true},
		"the reading closest to ten seconds ago is used": {past: []reading{at(84, 0), at(91, 0), at(97, 8*second)}, now: at(100, 9*second), want: second, known: true},
		"a moment is too short":                          {past: []reading{at(99.5, 0)}, now: at(100, second)},
		"the distant past does not count":                {past: []reading{at(60, 0)}, now: at(100, second)},
		"since its start, for one that is new":           {now: at(100, 2*second), born: epoch.Add(96 * time.Second), want: second / 2, known: true},
		"but not for one that is old":                    {now: at(100, 2*second), born: epoch},
		"nor for one that has just begun":                {now: at(100, 2*second), born: epoch.Add(99500 * time.Millisecond)},
		"a counter that went back belongs to another":    {past: []reading{at(90, 5*second)}, now: at(100, second)},
		"and a reading is better than the start":         {past: []reading{at(90, second)}, now: at(100, 2*second), born: epoch.Add(85 * time.Second), want: second / 10, known: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, known := history{"/a": test.past}.rate("/a", test.now, test.born)
			if got != test.want || known != test.known {
				t.Errorf("got %d, %v; want %d, %v", got, known, test.want, test.known)
			}
		})
	}
}

func TestHistoryStaysSmall(t *testing.T) {
	h := history{}
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range 1000 {
		h.add("/a", reading{at: now, total: uint64(i)})
		now = now.Add(250 * time.Millisecond)
	}
	if got := len(h["/a"]); got > 6 {
		t.Errorf("%d readings are kept", got)
	}
	h.add("/a", reading{at: now, total: 0})
	if got := len(h["/a"]); got != 1 {
		t.Errorf("%d readings are kept of a counter that went back", got)
	}
	h.keep(map[string]bool{"/b": true})
	if len(h) != 0 {
		t.Errorf("a cgroup that is gone is remembered: %v", h)
	}
}
