// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock steps by a second whenever it is read.
func clock(from int64) func() time.Time {
	return func() time.Time {
		from++
		return time.Unix(from, 0)
	}
}

func mustOpen(t *testing.T, file, id string, keep bool, now func() time.Time) *journal {
	t.Helper()
	j, err := openJournal(file, options{keep: keep}.counts(build{id: id}, nil), now)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func mustAdd(t *testing.T, j *journal, results ...Result) {
	t.Helper()
	for _, result := range results {
		if err := j.add(result); err != nil {
			t.Fatal(err)
		}
	}
}

func mustClose(t *testing.T, j *journal) {
	t.Helper()
	if err := j.close(); err != nil {
		t.Fatal(err)
	}
}

func TestResultsSurviveACutOffRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.jsonl")
	first := mustOpen(t, file, "one", false, clock(0))
	mustAdd(t, first, Result{Test: pods, Build: "one"}, Result{Test: proxy, Passed: true, Build: "one"}, Result{Test: pods, Passed: true, Build: "one"})
	mustClose(t, first)
	cut, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cut.WriteString(`{"test":"` + taints); err != nil {
		t.Fatal(err)
	}
	if err := cut.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, build string
		keep        bool
		left        []string
	}{
		{"the same build goes on", "one", false, []string{taints}},
		{"another build begins anew", "two", false, []string{pods, proxy, taints}},
		{"another build goes on when told to", "two", true, []string{taints}},
	} {
		t.Run(test.name, func(t *testing.T) {
			again := mustOpen(t, file, test.build, test.keep, clock(100))
			defer mustClose(t, again)
			if diff := cmp.Diff(test.left, unfinished([]string{pods, proxy, taints}, again.results(), false)); diff != "" {
				t.Errorf("left to run (-want +got):\n%s", diff)
			}
		})
	}
	// What comes after the cut is a line of its own.
	again := mustOpen(t, file, "one", false, clock(200))
	mustAdd(t, again, Result{Test: taints, Build: "one"})
	mustClose(t, again)
	last := mustOpen(t, file, "one", false, clock(300))
	defer mustClose(t, last)
	if left := unfinished([]string{pods, proxy, taints}, last.results(), false); len(left) > 0 {
		t.Errorf("without a result: %q", left)
	}
}

func TestTheTimeOfARunIsThatOfItsSessions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.jsonl")
	for i, results := range [][]Result{
		{{Test: taints, Seconds: 9}},                  // all of it is replaced
		{{Test: taints}, {Test: pods}},                // two steps of the clock, and one in each line's date
		{{Test: proxy, Build: "other", Seconds: 5.5}}, // of another build
	} {
		j := mustOpen(t, file, "", false, clock(int64(1000*i)))
		mustAdd(t, j, results...)
		mustClose(t, j)
	}
	j := mustOpen(t, file, "", false, clock(9000))
	defer mustClose(t, j)
	h := j.history()
	sessions := h.gave()
	if len(sessions) != 1 || sessions[0].Elapsed != 4 {
		t.Errorf("sessions: %+v, want one of 4 seconds", sessions)
	}
	if diff := cmp.Diff(took{taints: 0, pods: 0, proxy: 5500 * time.Millisecond}, h.past); diff != "" {
		t.Errorf("how long tests took (-want +got):\n%s", diff)
	}
}
