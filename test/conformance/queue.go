// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"sync"
	"time"
)

// queue of tests that several workers take batches from.
type queue struct {
	past    took
	most    int           // tests in a batch
	long    time.Duration // how long a batch may be expected to run, if it is of more than one test
	workers int

	mu     sync.Mutex // guards what follows
	items  []item
	out    int           // batches that workers have and may give back
	change chan struct{} // closed and replaced when a batch was given back
}

// newQueue of tests.
func (r *runner) newQueue(tests []string, past took, workers int) *queue {
	q := &queue{past: past, most: r.batch, workers: workers, long: r.long, change: make(chan struct{})}
	for _, test := range tests {
		q.items = append(q.items, item{test: test, failure: r.before[test]})
	}
	return q
}

// take is the next batch. An empty one comes with a channel to wait on, if other workers may still give tests back.
func (q *queue) take() (batch []item, wait <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.items) == 0 {
		if q.out > 0 {
			return nil, q.change
		}
		return nil, nil
	}
	count := 1
	if !q.items[0].alone {
		// No further than to the first that wants to be alone.
		company := slices.IndexFunc(q.items, func(it item) bool { return it.alone })
		if company < 0 {
			company = len(q.items)
		}
		count = batchSize(names(q.items[:company]), q.past, q.most, q.workers, q.long)
	}
	batch = slices.Clone(q.items[:count])
	q.items = q.items[count:]
	q.out++
	return batch, nil
}

// finish ends a batch that was taken. What is to run again goes to the end.
func (q *queue) finish(again []item) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.items = append(q.items, again...)
	q.out--
	close(q.change)
	q.change = make(chan struct{})
}

func names(items []item) []string {
	var tests []string
	for _, it := range items {
		tests = append(tests, it.test)
	}
	return tests
}
