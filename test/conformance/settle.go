// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import "fmt"

// item is a test that waits to run, and what came of earlier tries.
type item struct {
	test string
	// alone asks for a start of the suite of its own: the last one ended without a word, and it takes one test a start to
	// tell which of them did it.
	alone      bool
	lost, died int    // starts of the suite that ended without a word; clusters that died meanwhile
	failure    string // of the first try, if this is the second one
}

// outcome is how a batch went.
type outcome struct {
	ended map[string]Result
	died  bool // the cluster did, during it
	late  bool // it had to be killed, since one of its tests did not end
	log   string
}

// settle says which results of a batch count and which tests have to run again. A test runs again
//   - once if it failed and again says so (the result then tells of the first failure, too),
//   - once if the cluster died while it ran,
//   - once, alone, if the suite ended without a report,
//   - as often as it takes if the suite did not get to it since another test of the batch did not end.
func settle(batch []item, o outcome, again func(test string) bool) (done []Result, next []item) {
	for _, it := range batch {
		result, ended := o.ended[it.test]
		switch {
		case ended && result.Passed:
			result.Flaky = it.failure
			done = append(done, result)
		case o.died && it.died == 0:
			it.died++
			it.alone = !ended // it failed like all the others, or it is what the cluster died of
			next = append(next, it)
		case o.died:
			done = append(done, Result{Test: it.test, Seconds: result.Seconds, Failure: "the cluster died while the test ran, twice; see " + o.log})
		case ended && it.failure == "" && again(it.test):
			it.failure = result.Failure
			next = append(next, it)
		case ended:
			done = append(done, result)
		case len(o.ended) > 0:
			next = append(next, it)
		case len(batch) == 1 && o.late:
			done = append(done, Result{Test: it.test, Failure: fmt.Sprintf("did not end in time, nor when it was told to; see %s", o.log)})
		case it.lost > 0:
			done = append(done, Result{Test: it.test, Failure: "the suite ended without a report, twice; see " + o.log})
		default:
			it.lost++
			it.alone = true
			next = append(next, it)
		}
	}
	return done, next
}
