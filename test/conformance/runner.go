// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// runner hands batches of tests to the suite and writes down what became of them.
type runner struct {
	suite   suite
	build   string
	results *journal
	batch   int

	mu    sync.Mutex // guards what follows
	out   io.Writer
	total int
	done  int
	tries map[string]int
	names int
}

// runAll runs the tests that may run beside others, procs at a time, and then the serial ones.
func (r *runner) runAll(ctx context.Context, tests []string, procs int) error {
	r.tries = map[string]int{}
	var parallel, serial []string
	for _, test := range tests {
		if isSerial(test) {
			serial = append(serial, test)
		} else {
			parallel = append(parallel, test)
		}
	}
	if err := r.runQueue(ctx, parallel, procs); err != nil {
		return err
	}
	return r.runQueue(ctx, serial, 1)
}

// runQueue takes batches off one queue with several workers, until it is empty.
func (r *runner) runQueue(ctx context.Context, tests []string, workers int) error {
	queue := &queue{tests: tests}
	failures := make(chan error, workers)
	for range workers {
		go func() { failures <- r.work(ctx, queue) }()
	}
	var all []error
	for range workers {
		all = append(all, <-failures)
	}
	return errors.Join(all...)
}

func (r *runner) work(ctx context.Context, queue *queue) error {
	for ctx.Err() == nil {
		tests := queue.take(r.batch)
		if len(tests) == 0 {
			return nil
		}
		results, err := r.suite.run(ctx, r.nextName(), tests)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			// The suite ended without a word, for instance because the cluster died. Each test gets one more chance.
			r.say("conformance: %v", err)
		}
		for _, result := range results {
			if err := r.record(result); err != nil {
				return err
			}
		}
		if err := r.giveBack(queue, tests, results); err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// giveBack queues what a batch did not get to again, and fails tests that did not even start the second time.
func (r *runner) giveBack(queue *queue, tests []string, results []Result) error {
	var finished []string
	for _, result := range results {
		finished = append(finished, result.Test)
	}
	for _, test := range without(tests, finished) {
		r.mu.Lock()
		r.tries[test]++
		lost := len(results) == 0 && r.tries[test] > 1
		r.mu.Unlock()
		if !lost {
			queue.put(test)
			continue
		}
		if err := r.record(Result{Test: test, Failure: "the suite ended before this test, twice"}); err != nil {
			return err
		}
	}
	return nil
}

func (r *runner) record(result Result) error {
	result.Build = r.build
	if err := r.results.add(result); err != nil {
		return err
	}
	mark := "ok    "
	if !result.Passed {
		mark = "FAILED"
	}
	r.mu.Lock()
	r.done++
	done := r.done
	r.mu.Unlock()
	r.say("%3d/%d %s %6.1fs %s", done, r.total, mark, result.Seconds, result.Test)
	if !result.Passed {
		r.say("               %s", firstLine(result.Failure))
	}
	return nil
}

func (r *runner) say(format string, values ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(r.out, format+"\n", values...)
}

// nextName is the name of a batch's logs.
func (r *runner) nextName() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.names++
	return fmt.Sprintf("%s-%03d", time.Now().UTC().Format("150405"), r.names)
}

// queue of tests that several workers take from.
type queue struct {
	mu    sync.Mutex
	tests []string
}

func (q *queue) take(most int) []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	count := min(most, len(q.tests))
	taken := q.tests[:count:count]
	q.tests = q.tests[count:]
	return taken
}

func (q *queue) put(test string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.tests = append(q.tests, test)
}
