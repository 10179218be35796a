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
	target  target
	build   string
	results *journal
	batch   int
	long    time.Duration          // how long a batch of several tests may be expected to run
	again   func(test string) bool // whether a failed test gets a second try
	before  map[string]string      // failures of tests in earlier sessions; those are at their second try
	now     func() time.Time

	mu      sync.Mutex // guards what follows
	out     io.Writer
	total   int
	done    int
	failed  int
	named   int
	told    time.Time           // of the last estimate
	waiting map[string]struct{} // tests without a result yet
}

// runAll runs the tests that may run beside others, procs at a time, and then the serial ones.
func (r *runner) runAll(ctx context.Context, tests []string, procs int) error {
	past := r.results.history().past
	parallel, serial := order(tests, past)
	r.total, r.waiting = len(tests), map[string]struct{}{}
	for _, test := range tests {
		r.waiting[test] = struct{}{}
	}
	r.say("conformance: %d tests, %d at once, then %d one after the other; about %s", len(parallel), procs, len(serial),
		span(estimate(parallel, serial, past, procs, r.batch)))
	r.told = r.now()
	if err := r.runQueue(ctx, r.newQueue(parallel, past, procs), false); err != nil {
		return err
	}
	return r.runQueue(ctx, r.newQueue(serial, past, 1), true)
}

// runQueue takes batches off one queue with its workers, until it is empty.
func (r *runner) runQueue(ctx context.Context, queue *queue, serial bool) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	failures := make(chan error, queue.workers)
	for range queue.workers {
		go func() {
			err := r.work(ctx, queue, serial)
			if err != nil {
				stop() // the others need not go on
			}
			failures <- err
		}()
	}
	var all []error
	for range queue.workers {
		if err := <-failures; err != nil && (len(all) == 0 || !errors.Is(err, context.Canceled)) {
			all = append(all, err)
		}
	}
	return errors.Join(all...)
}

func (r *runner) work(ctx context.Context, queue *queue, serial bool) error {
	for ctx.Err() == nil {
		batch, wait := queue.take()
		if len(batch) == 0 {
			if wait == nil {
				return nil
			}
			select {
			case <-wait:
			case <-ctx.Done():
			}
			continue
		}
		again, err := r.runBatch(ctx, batch, serial, queue.workers)
		queue.finish(again)
		if err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}

// runBatch runs a batch, records what counts and returns what has to run again.
func (r *runner) runBatch(ctx context.Context, batch []item, serial bool, workers int) ([]item, error) {
	before, err := r.target.check(ctx)
	if err != nil {
		return nil, err
	}
	if serial {
		r.sweep(ctx)
	}
	name := r.nextName()
	results, lost := r.suite.run(ctx, name, names(batch))
	o := outcome{ended: map[string]Result{}, log: name + ".log", late: errors.Is(lost, errLate)}
	bad := len(results) < len(batch)
	for _, result := range results {
		o.ended[result.Test] = result
		bad = bad || !result.Passed
	}
	if ctx.Err() != nil {
		return nil, errors.Join(r.recordEnded(batch, results), context.Cause(ctx))
	}
	if lost != nil {
		r.say("conformance: %v", lost)
	}
	if bad {
		// Did it fail, or was there no cluster to pass on?
		after, err := r.target.check(ctx)
		if err != nil {
			return nil, err
		}
		o.died = after != before
	}
	done, again := settle(batch, o, r.again)
	for _, result := range done {
		if err := r.record(result); err != nil {
			return again, err
		}
	}
	for _, it := range again {
		if it.failure != "" && !o.ended[it.test].Passed {
			r.say("               to run again: %s: %s", it.test, firstLine(it.failure))
		}
	}
	return again, r.tell(workers)
}

// recordEnded keeps what had passed before the run was interrupted. A failure may be the interrupt's, so it does not count.
func (r *runner) recordEnded(batch []item, results []Result) error {
	failures := map[string]string{}
	for _, it := range batch {
		failures[it.test] = it.failure
	}
	var all []error
	for _, result := range results {
		if result.Passed {
			result.Flaky = failures[result.Test]
			all = append(all, r.record(result))
		}
	}
	return errors.Join(all...)
}

func (r *runner) sweep(ctx context.Context) {
	found, err := r.target.sweep(ctx)
	if len(found) > 0 {
		r.say("conformance: removed %d namespaces that tests had left: %v", len(found), found)
	}
	if err != nil && ctx.Err() == nil {
		r.say("conformance: %v", err) // the tests that follow show whether it matters
	}
}

func (r *runner) record(result Result) error {
	result.Build = r.build
	if err := r.results.add(result); err != nil {
		return err
	}
	mark := "ok    "
	switch {
	case !result.Passed:
		mark = "FAILED"
	case result.Flaky != "":
		mark = "FLAKY "
	}
	r.mu.Lock()
	r.done++
	if !result.Passed {
		r.failed++
	}
	done := r.done
	delete(r.waiting, result.Test)
	r.mu.Unlock()
	r.say("%3d/%d %s %6.1fs %s", done, r.total, mark, result.Seconds, result.Test)
	if message := result.Failure + result.Flaky; message != "" {
		r.say("               %s", firstLine(message))
	}
	return nil
}

// tell says from time to time how far the run is.
func (r *runner) tell(workers int) error {
	r.mu.Lock()
	due := r.now().Sub(r.told) >= time.Minute
	var left []string
	if due {
		r.told = r.now()
		for test := range r.waiting {
			left = append(left, test)
		}
	}
	done, failed := r.done, r.failed
	r.mu.Unlock()
	if !due {
		return nil
	}
	past := r.results.history().past
	parallel, serial := order(left, past)
	remaining := estimate(parallel, serial, past, workers, r.batch)
	r.say("conformance: %d of %d done, %d failed; about %s left, until %s", done, r.total, failed, span(remaining),
		r.now().Add(remaining).Format("15:04"))
	return r.results.mark()
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
	r.named++
	return fmt.Sprintf("%s-%03d", r.now().UTC().Format("150405"), r.named)
}

// span is a duration to the second or, if it is long, to the minute.
func span(d time.Duration) string {
	if d < 10*time.Minute {
		return d.Round(time.Second).String()
	}
	return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
}
