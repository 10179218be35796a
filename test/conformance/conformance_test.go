// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	pods   = "[sig-node] Pods should (really) run [Conformance]"
	proxy  = "[sig-network] Proxy should answer [Conformance]"
	taints = "[sig-node] Taints should evict [Serial] [Conformance]"
)

func TestExactlyMatchesTheTestsAndNoLongerOnes(t *testing.T) {
	focus := regexp.MustCompile(exactly([]string{pods, proxy}))
	for text, want := range map[string]bool{
		"Kubernetes e2e suite " + pods:                  true,
		"Kubernetes e2e suite " + proxy:                 true,
		"Kubernetes e2e suite " + taints:                false,
		"Kubernetes e2e suite " + pods + " [Slow]":      false,
		"Kubernetes e2e suite [sig-node] other " + pods: false,
	} {
		if got := focus.MatchString(text); got != want {
			t.Errorf("%q: matched is %v, want %v", text, got, want)
		}
	}
}

func TestTheListOfTheSuiteIsWhole(t *testing.T) {
	for _, file := range []string{"conformance-1.37.txt", "passing.txt", "quick.txt"} {
		tests, err := readTests(filepath.Join("..", "..", "hack", "conformance", file))
		if err != nil {
			t.Fatal(err)
		}
		if file == "conformance-1.37.txt" && len(tests) != 462 {
			t.Errorf("%s has %d tests, want 462", file, len(tests))
		}
		if file == "quick.txt" && len(tests) > 60 {
			t.Errorf("%s has %d tests, want at most 60", file, len(tests))
		}
		sorted := slices.Sorted(slices.Values(tests))
		if len(slices.Compact(sorted)) != len(tests) {
			t.Errorf("%s names a test twice", file)
		}
	}
}

func TestResultsSurviveACutOffRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "results.jsonl")
	first, err := openJournal(file, "one", false)
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range []Result{{Test: pods, Build: "one"}, {Test: proxy, Passed: true, Build: "one"}, {Test: pods, Passed: true, Build: "one"}} {
		if err := first.add(result); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
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
			again, err := openJournal(file, test.build, test.keep)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = again.close() }()
			if diff := cmp.Diff(test.left, unfinished([]string{pods, proxy, taints}, again.results(), false)); diff != "" {
				t.Errorf("left to run (-want +got):\n%s", diff)
			}
		})
	}
}

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
		ran  bool
	}{
		{"passed", made("It", "passed", "", time.Second), Result{Test: name, Passed: true, Seconds: 1}, true},
		{"failed", made("It", "failed", "no", time.Second), Result{Test: name, Seconds: 1, Failure: "no"}, true},
		{"not chosen", made("It", "skipped", "", 0), Result{}, false},
		{"skips itself", made("It", "skipped", "needs two nodes", 0), Result{Test: name, Failure: "skipped itself: needs two nodes"}, true},
		{"stopped at the limit", made("It", "interrupted", "by user", limit), Result{Test: name, Seconds: 60, Failure: "did not end within 1m0s: by user"}, true},
		{"stopped with its batch", made("It", "interrupted", "by user", time.Second), Result{}, false},
		{"not a test", made("ReportAfterSuite", "passed", "", 0), Result{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ran := resultOf(test.spec, limit)
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

// fakeSuite is a shell script in place of e2e.test. It reports the tests of a file that its focus names as passed, but
// those with (really) in their name, which it never ends.
func fakeSuite(t *testing.T, script string) suite {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "e2e.test")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
		t.Fatal(err)
	}
	return suite{program: program, logs: dir, limit: 300 * time.Millisecond}
}

func TestATestThatHangsFailsAndTheOthersRunAgain(t *testing.T) {
	// The first start hangs in the first test; every later one passes the second.
	s := fakeSuite(t, fmt.Sprintf(`
for a in "$@"; do case "$a" in --ginkgo.json-report=*) report="${a#*=}";; --ginkgo.focus=*) focus="${a#*=}";; esac; done
case "$focus" in
*really*)
	echo '[{"SpecReports":[{"ContainerHierarchyTexts":[],"LeafNodeText":"%s","LeafNodeType":"It","State":"interrupted","RunTime":300000000}]}]' >"$report"
	trap 'exit 1' INT
	while :; do sleep 0.05; done;;
*) echo '[{"SpecReports":[{"ContainerHierarchyTexts":[],"LeafNodeText":"%s","LeafNodeType":"It","State":"passed","RunTime":1}]}]' >"$report";;
esac
`, pods, proxy))
	results, err := openJournal(filepath.Join(t.TempDir(), "results"), "one", false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = results.close() }()
	r := &runner{suite: s, build: "one", results: results, out: &strings.Builder{}, batch: 2, total: 2}
	if err := r.runAll(context.Background(), []string{pods, proxy}, 1); err != nil {
		t.Fatal(err)
	}
	got := results.results()
	if got[pods].Passed || !strings.HasPrefix(got[pods].Failure, "did not end within") {
		t.Errorf("the test that hangs: %+v", got[pods])
	}
	if !got[proxy].Passed {
		t.Errorf("the other test: %+v", got[proxy])
	}
}

func TestTestsFailWhenTheSuiteDiesTwice(t *testing.T) {
	results, err := openJournal(filepath.Join(t.TempDir(), "results"), "one", false)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = results.close() }()
	r := &runner{suite: fakeSuite(t, "exit 2"), build: "one", results: results, out: &strings.Builder{}, batch: 2, total: 2}
	if err := r.runAll(context.Background(), []string{pods, taints}, 1); err != nil {
		t.Fatal(err)
	}
	if got := len(unfinished([]string{pods, taints}, results.results(), false)); got != 0 {
		t.Errorf("%d tests are without a result", got)
	}
}

func TestTheSummaryAccountsForEveryTest(t *testing.T) {
	results := map[string]Result{
		pods:  {Test: pods, Passed: true, Seconds: 1, Build: "new"},
		proxy: {Test: proxy, Failure: "\n  no `answer`\nat line 5", Seconds: 2, Build: "old"},
	}
	s := summarize([]string{pods, proxy, taints}, results, build{id: "new", commit: "abc"}, time.Unix(0, 0))
	want := map[string]*counts{"sig-node": {Total: 2, Passed: 1, NotRun: 1}, "sig-network": {Total: 1, Failed: 1}}
	if diff := cmp.Diff(want, s.BySIG); diff != "" {
		t.Errorf("by SIG (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(counts{Total: 3, Passed: 1, Failed: 1, NotRun: 1}, s.counts); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	page := s.page()
	for _, text := range []string{"Commit `abc`, 1970-01-01", "1 of the results are those of earlier builds", "`no 'answer'`", "## Not run\n\n- " + taints} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q:\n%s", text, page)
		}
	}
}

func TestFirstLine(t *testing.T) {
	for _, test := range []struct{ name, message, want string }{
		{"nothing said", "\n", "no message"},
		{"an announcement and what it announces", "Expected\n    <int>: 3\nto equal", "Expected <int>: 3"},
		{"no paths of this machine", "error running /a/b/kubectl --kubeconfig=/a/b/kubeconfig get pods failed", "error running kubectl --kubeconfig=kubeconfig get pods failed"},
		{"cut", strings.Repeat("ä", 300), strings.Repeat("ä", 240) + "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := firstLine(test.message); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTheRatchetOnlyGrows(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passing.txt")
	all := []string{pods, proxy, taints}
	if err := checkRatchet(file, all, map[string]Result{pods: {Test: pods, Passed: true}, proxy: {Test: proxy}}, true); err != nil {
		t.Fatal(err)
	}
	broken := map[string]Result{pods: {Test: pods}, proxy: {Test: proxy, Passed: true}}
	if err := checkRatchet(file, all, broken, true); err == nil || !strings.Contains(err.Error(), pods) {
		t.Errorf("a test that passed before: %v", err)
	}
	if err := checkRatchet(file, []string{proxy}, broken, false); err != nil {
		t.Errorf("a test that was not to run: %v", err)
	}
	got, err := readTests(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{proxy, pods}, got); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
}
