// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"slices"
	"time"
)

// usual is how long a test is taken to run that has never run before.
const usual = 20 * time.Second

// took is how long tests ran the last time.
type took map[string]time.Duration

func (t took) of(test string) time.Duration {
	if known, ok := t[test]; ok {
		return known
	}
	return usual
}

// order splits tests into those that may run beside others and those that may not. The longest go first, so that the
// end of the run is not one worker with a long test and the others idle. Those that break nodes for a while come last.
func order(tests []string, past took) (parallel, serial []string) {
	for _, test := range tests {
		if isSerial(test) {
			serial = append(serial, test)
		} else {
			parallel = append(parallel, test)
		}
	}
	longestFirst := func(a, b string) int { return cmp.Compare(past.of(b), past.of(a)) }
	slices.SortStableFunc(parallel, longestFirst)
	slices.SortStableFunc(serial, func(a, b string) int {
		if isDisruptive(a) != isDisruptive(b) {
			if isDisruptive(a) {
				return 1
			}
			return -1
		}
		return longestFirst(a, b)
	})
	return parallel, serial
}

// batchSize is how many of the first tests to give to one start of the suite, which costs seconds of its own: as many
// as take about long, and no more than a worker's share, so that none of them is left with everything at the end.
func batchSize(tests []string, past took, most, workers int, long time.Duration) int {
	share := (len(tests) + workers - 1) / workers
	var sum time.Duration
	for i, test := range tests {
		if i > 0 && (i >= most || i >= share || sum+past.of(test) > long) {
			return i
		}
		sum += past.of(test)
	}
	return len(tests)
}

// estimate is how long tests will take from now on, with so many at once where that is allowed. The starts of the suite
// are counted with seconds of their own.
func estimate(parallel, serial []string, past took, workers, batch int) time.Duration {
	const start = 2 * time.Second
	sum := func(tests []string) (all, longest time.Duration) {
		for _, test := range tests {
			all += past.of(test)
			longest = max(longest, past.of(test))
		}
		return all + start*time.Duration((len(tests)+batch-1)/batch), longest
	}
	beside, longest := sum(parallel)
	alone, _ := sum(serial)
	return max(beside/time.Duration(workers), longest) + alone
}
