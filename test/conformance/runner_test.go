// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// newRunner of a play in dir. Its tests may take half a second each, which is long for what they do.
func newRunner(t *testing.T, dir string) *runner {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	results := mustOpen(t, filepath.Join(t.TempDir(), "results"), "one", false, time.Now)
	t.Cleanup(func() { mustClose(t, results) })
	return &runner{
		suite:  suite{program: self, logs: t.TempDir(), limit: 500 * time.Millisecond, grace: time.Second},
		target: &fakeCluster{dir: dir}, build: "one", results: results, out: &strings.Builder{}, batch: 5, long: time.Hour,
		again: func(string) bool { return false }, now: time.Now,
	}
}

func TestARunComesToItsEnd(t *testing.T) {
	for _, test := range []struct {
		name  string
		plan  acts
		retry bool
		want  map[string]string // what its failure or, after a plus, its flake contains; "" for a plain pass
		runs  map[string]int
	}{
		{
			name: "tests pass and fail",
			plan: acts{pods: {pass}, proxy: {fail}, taints: {skip}},
			want: map[string]string{pods: "", proxy: "failed", taints: "skipped itself"},
			runs: map[string]int{pods: 1, proxy: 1, taints: 1},
		}, {
			name: "one exceeds its limit, and the others of its batch still run",
			plan: acts{proxy: {hang}, pods: {pass}, taints: {pass}},
			want: map[string]string{proxy: "did not end within 500ms", pods: "", taints: ""},
			runs: map[string]int{proxy: 1, pods: 1, taints: 1},
		}, {
			name: "one does not even end when it is told to",
			plan: acts{proxy: {stuck}, pods: {pass}},
			want: map[string]string{proxy: "did not end in time", pods: ""},
			runs: map[string]int{proxy: 2, pods: 1},
		}, {
			name: "the suite is killed once",
			plan: acts{proxy: {die, pass}, pods: {pass}},
			want: map[string]string{proxy: "", pods: ""},
			runs: map[string]int{proxy: 2, pods: 1},
		}, {
			name: "one test always takes the suite with it",
			plan: acts{proxy: {die}, pods: {pass}},
			want: map[string]string{proxy: "ended without a report, twice", pods: ""},
			runs: map[string]int{proxy: 2, pods: 1},
		}, {
			name: "the cluster dies once",
			plan: acts{proxy: {sink, pass}, pods: {fail, pass}, taints: {fail}},
			want: map[string]string{proxy: "", pods: "", taints: "failed"},
			runs: map[string]int{proxy: 2, pods: 2, taints: 1},
		}, {
			name: "a test always takes the cluster with it",
			plan: acts{proxy: {sink}},
			want: map[string]string{proxy: "the cluster died while the test ran, twice"},
			runs: map[string]int{proxy: 2},
		}, {
			name:  "one that fails passes at the second try",
			plan:  acts{proxy: {fail, pass}, pods: {fail}},
			retry: true,
			want:  map[string]string{proxy: "+failed", pods: "failed"},
			runs:  map[string]int{proxy: 2, pods: 2},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := stage(t, test.plan)
			r := newRunner(t, dir)
			r.again = func(string) bool { return test.retry }
			if err := r.runAll(t.Context(), slices.Collect(keys(test.plan)), 1); err != nil {
				t.Fatal(err)
			}
			results := r.results.results()
			if len(results) != len(test.plan) {
				t.Errorf("%d tests have a result, want %d", len(results), len(test.plan))
			}
			for name, want := range test.want {
				result := results[name]
				text := result.Failure
				if flake, ok := strings.CutPrefix(want, "+"); ok {
					text, want = result.Flaky, flake
				}
				if result.Passed == (result.Failure != "") || !strings.Contains(text, want) || want == "" && text != "" {
					t.Errorf("%s: %+v, want %q", name, result, want)
				}
			}
			counted := map[string]int{}
			for _, run := range runs(dir) {
				counted[run]++
			}
			if diff := cmp.Diff(test.runs, counted); diff != "" {
				t.Errorf("times that tests ran (-want +got):\n%s\n%s", diff, r.out)
			}
		})
	}
}

func TestSerialTestsRunLastAndAfterASweep(t *testing.T) {
	dir := stage(t, acts{pods: {pass}, proxy: {pass}, taints: {pass}})
	r := newRunner(t, dir)
	cluster := &fakeCluster{dir: dir}
	r.target = cluster
	if err := r.runAll(t.Context(), []string{taints, pods, proxy}, 2); err != nil {
		t.Fatal(err)
	}
	if got := runs(dir); len(got) != 3 || got[2] != taints {
		t.Errorf("order: %q", got)
	}
	if diff := cmp.Diff([]int{2}, cluster.swept); diff != "" {
		t.Errorf("tests that had run at each sweep (-want +got):\n%s", diff)
	}
}

func TestAnInterruptKeepsWhatHasPassed(t *testing.T) {
	dir := stage(t, acts{"a": {pass}, "b": {hang, pass}, "c": {pass}})
	r := newRunner(t, dir)
	r.suite.limit = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- r.runAll(ctx, []string{"a", "b", "c"}, 1) }()
	await(t, "the second test", func() bool { return countOf(dir, "b") == 1 })
	cancel()
	if err := <-ended; err == nil {
		t.Error("a run that was cut off ended without an error")
	}
	left := unfinished([]string{"a", "b", "c"}, r.results.results(), false)
	if diff := cmp.Diff([]string{"b", "c"}, left); diff != "" {
		t.Fatalf("left to run (-want +got):\n%s", diff)
	}
	if err := r.runAll(t.Context(), left, 1); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "b", "c"}, runs(dir)); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestProgressIsToldWithAnEstimate(t *testing.T) {
	r := newRunner(t, stage(t, acts{pods: {pass}, taints: {fail}}))
	at := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	r.now = func() time.Time {
		at = at.Add(time.Minute)
		return at
	}
	if err := r.runAll(t.Context(), []string{pods, taints}, 1); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{
		"conformance: 1 tests, 1 at once, then 1 one after the other; about 44s",
		"conformance: 1 of 2 done, 0 failed; about 22s left, until 12:0",
		"  2/2 FAILED    0.0s " + taints,
	} {
		if !strings.Contains(r.out.(*strings.Builder).String(), text) {
			t.Errorf("the output lacks %q:\n%s", text, r.out)
		}
	}
}

// await polls until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("waited 30s for %s", what)
		}
	}
}
