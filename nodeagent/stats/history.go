// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import "time"

const (
	// window is what rates are averaged over, when there is a choice.
	window = 10 * time.Second
	// Averages over less than shortest are noise, over more than longest are history.
	shortest = time.Second
	longest  = 20 * time.Second
	// keepEvery is how far apart remembered readings are.
	keepEvery = 4 * time.Second
)

// reading is a total of processor time, in nanoseconds of one core.
type reading struct {
	at    time.Time
	total uint64
}

// history remembers the readings of the last seconds by cgroup. It is not safe for concurrent use.
type history map[string][]reading

// rate returns the cores used, in billionths, averaged up to now. born is when the cgroup began, the zero time when that
// is not known. It is false while the past is too short to tell.
func (h history) rate(cgroup string, now reading, born time.Time) (uint64, bool) {
	var base *reading
	for i := range h[cgroup] {
		r := &h[cgroup][i]
		if age := now.at.Sub(r.at); age < shortest || age > longest || r.total > now.total {
			continue // the last: another cgroup had this name
		}
		if base == nil || off(now.at, r.at) < off(now.at, base.at) {
			base = r
		}
	}
	if age := now.at.Sub(born); base == nil && !born.IsZero() && age >= shortest && age <= longest {
		base = &reading{at: born}
	}
	if base == nil {
		return 0, false
	}
	return uint64(float64(now.total-base.total) / now.at.Sub(base.at).Seconds()), true
}

// off is how far a reading is from the wanted window.
func off(now, at time.Time) time.Duration { return (now.Sub(at) - window).Abs() }

// add remembers a reading, unless the last one is so recent that it does as well.
func (h history) add(cgroup string, r reading) {
	kept := h[cgroup]
	for len(kept) > 0 && (r.at.Sub(kept[0].at) > longest || kept[0].total > r.total) {
		kept = kept[1:]
	}
	if len(kept) > 0 && r.at.Sub(kept[len(kept)-1].at) < keepEvery {
		h[cgroup] = kept
		return
	}
	h[cgroup] = append(kept, r)
}

// keep forgets all cgroups but these.
func (h history) keep(alive map[string]bool) {
	for cgroup := range h {
		if !alive[cgroup] {
			delete(h, cgroup)
		}
	}
}
