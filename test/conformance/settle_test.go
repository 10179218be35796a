// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSettle(t *testing.T) {
	passed := func(test string) Result { return Result{Test: test, Passed: true} }
	failed := func(test string) Result { return Result{Test: test, Failure: "no"} }
	ended := func(results ...Result) map[string]Result {
		all := map[string]Result{}
		for _, result := range results {
			all[result.Test] = result
		}
		return all
	}
	both := []item{{test: pods}, {test: proxy}}
	for _, test := range []struct {
		name    string
		batch   []item
		outcome outcome
		again   bool
		done    []Result
		next    []item
	}{
		{"one passes and one fails", both, outcome{ended: ended(passed(pods), failed(proxy))}, false,
			[]Result{passed(pods), failed(proxy)}, nil},
		{"one that fails gets a second try", both, outcome{ended: ended(passed(pods), failed(proxy))}, true,
			[]Result{passed(pods)}, []item{{test: proxy, failure: "no"}}},
		{"the second try passes", []item{{test: proxy, failure: "no"}}, outcome{ended: ended(passed(proxy))}, true,
			[]Result{{Test: proxy, Passed: true, Flaky: "no"}}, nil},
		{"there is no third try", []item{{test: proxy, failure: "at first"}}, outcome{ended: ended(failed(proxy))}, true,
			[]Result{failed(proxy)}, nil},
		{"the suite did not get to one", both, outcome{ended: ended(failed(pods))}, false,
			[]Result{failed(pods)}, []item{{test: proxy}}},
		{"the suite ends without a report", both, outcome{}, true,
			nil, []item{{test: pods, lost: 1, alone: true}, {test: proxy, lost: 1, alone: true}}},
		{"and again", []item{{test: pods, lost: 1, alone: true}}, outcome{log: "x.log"}, true,
			[]Result{{Test: pods, Failure: "the suite ended without a report, twice; see x.log"}}, nil},
		{"killed for a test that does not end", both, outcome{late: true}, false,
			nil, []item{{test: pods, lost: 1, alone: true}, {test: proxy, lost: 1, alone: true}}},
		{"and it is this one", []item{{test: pods}}, outcome{late: true, log: "x.log"}, false,
			[]Result{{Test: pods, Failure: "did not end in time, nor when it was told to; see x.log"}}, nil},
		{"the cluster dies", both, outcome{died: true, ended: ended(passed(pods), failed(proxy))}, false,
			[]Result{passed(pods)}, []item{{test: proxy, died: 1}}},
		{"the cluster dies and the suite with it", both, outcome{died: true}, false,
			nil, []item{{test: pods, died: 1, alone: true}, {test: proxy, died: 1, alone: true}}},
		{"the cluster dies of a test twice", []item{{test: pods, died: 1}}, outcome{died: true, ended: ended(failed(pods)), log: "x.log"}, true,
			[]Result{{Test: pods, Failure: "the cluster died while the test ran, twice; see x.log"}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			done, next := settle(test.batch, test.outcome, func(string) bool { return test.again })
			if diff := cmp.Diff(test.done, done); diff != "" {
				t.Errorf("results (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.next, next, cmp.AllowUnexported(item{})); diff != "" {
				t.Errorf("to run again (-want +got):\n%s", diff)
			}
		})
	}
}
