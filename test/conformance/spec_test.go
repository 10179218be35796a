// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestResultOf(t *testing.T) {
	limit := time.Minute
	made := func(kind, state, message string, took time.Duration) spec {
		s := spec{ContainerHierarchyTexts: []string{"[sig-node] Pods"}, LeafNodeText: "should run", LeafNodeType: kind, State: state, RunTime: took}
		s.Failure.Message = message
		return s
	}
	name := "[sig-node] Pods should run"
	for _, test := range []struct {
		name string
		spec spec
		want Result
		late bool
		ran  bool
	}{
		{"passed", made("It", "passed", "", time.Second), Result{Test: name, Passed: true, Seconds: 1}, false, true},
		{"failed", made("It", "failed", "no", time.Second), Result{Test: name, Seconds: 1, Failure: "no"}, false, true},
		{"failed without a word", made("It", "panicked", "", time.Second), Result{Test: name, Seconds: 1, Failure: "no message"}, false, true},
		{"not chosen", made("It", "skipped", "", 0), Result{}, false, false},
		{"skips itself", made("It", "skipped", "needs two nodes", 0), Result{Test: name, Failure: "skipped itself: needs two nodes"}, false, true},
		{"stopped at the limit", made("It", "interrupted", "by user", limit), Result{Test: name, Seconds: 60, Failure: "did not end within 1m0s: by user"}, true, true},
		{"stopped with the whole run", made("It", "interrupted", "by user", time.Minute), Result{}, false, false},
		{"not a test", made("ReportAfterSuite", "passed", "", 0), Result{}, false, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ran := resultOf(test.spec, limit, test.late)
			if ran != test.ran {
				t.Fatalf("ran is %v, want %v", ran, test.ran)
			}
			if ran {
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("result (-want +got):\n%s", diff)
				}
			}
		})
	}
}
