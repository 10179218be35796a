// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told is a journal's tale of three tests: one of them failed in an earlier session, one was flaky, one has not run.
func told() history {
	return history{
		last: map[string]Result{
			pods:  {Test: pods, Passed: true, Seconds: 1, Build: "new", Flaky: "too slow"},
			proxy: {Test: proxy, Failure: "\n  no `answer`\nat line 5", Seconds: 2, Build: "new"},
		},
		given: map[string]string{pods: "second", proxy: "first"},
		sessions: map[string]Session{
			"first":    {ID: "first", Nodes: 2, Elapsed: 60, At: time.Unix(60, 0)},
			"second":   {ID: "second", Nodes: 2, Elapsed: 30.5, At: time.Unix(3600, 0)},
			"replaced": {ID: "replaced", Nodes: 1, Elapsed: 1000, At: time.Unix(7200, 0)},
		},
	}
}

func TestTheSummaryAccountsForEveryTest(t *testing.T) {
	s := summarize([]string{taints, pods, proxy}, told(), build{id: "new", commit: "abc", dirty: true})
	want := map[string]*counts{"sig-node": {Total: 2, Passed: 1, NotRun: 1}, "sig-network": {Total: 1, Failed: 1}}
	if diff := cmp.Diff(want, s.BySIG); diff != "" {
		t.Errorf("by SIG (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(counts{Total: 3, Passed: 1, Failed: 1, NotRun: 1}, s.counts); diff != "" {
		t.Errorf("all (-want +got):\n%s", diff)
	}
	page := s.page()
	for _, text := range []string{
		"Commit: `abc`, with changes", "Date: 1970-01-01T01:00:00Z", "Nodes: 2\n", "Wall time: 1m30s, in 2 parts (the tests one after the other: 3s)",
		"**This is not a whole run**: 1 tests were not run", "`no 'answer'`", "run again\n\n- " + pods + "\n  `too slow`", "## Not run\n\n- " + taints,
	} {
		if !strings.Contains(page, text) {
			t.Errorf("the page lacks %q:\n%s", text, page)
		}
	}
}

func TestTheJSONHasTheFieldsThatOthersRead(t *testing.T) {
	data, err := json.Marshal(summarize([]string{pods, proxy, taints}, told(), build{id: "new", commit: "abc"}))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"commit":"abc","date":"1970-01-01T01:00:00Z","total":3,"passed":1,"failed":1,"notRun":1,` +
		`"bySIG":{"sig-network":{"total":1,"passed":0,"failed":1,"notRun":0},"sig-node":{"total":2,"passed":1,"failed":0,"notRun":1}},` +
		`"dirty":false,"flaky":1,"nodes":[2],"wallSeconds":90}`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestOnlyAWholeRunOfOneBuildIsDocumented(t *testing.T) {
	for _, test := range []struct {
		name, build string
		all         []string
		want        bool
	}{
		{"a test has not run", "new", []string{pods, proxy, taints}, false},
		{"results of an earlier build", "newer", []string{pods, proxy}, false},
		{"every test has a result of this build", "new", []string{pods, proxy}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			o := options{cache: dir, name: "results", report: filepath.Join(dir, "docs")}
			var out strings.Builder
			if err := o.writeReports(test.all, test.all, build{id: test.build}, told(), &out); err != nil {
				t.Fatal(err)
			}
			for file, want := range map[string]bool{"docs.md": test.want, "docs.json": test.want, "results.md": true, "results.json": true, "results.xml": true} {
				if _, err := os.Stat(filepath.Join(dir, file)); (err == nil) != want {
					t.Errorf("%s: %v, want it to be there: %v\n%s", file, err, want, out.String())
				}
			}
		})
	}
}

func TestJUnitAccountsForEveryTest(t *testing.T) {
	data, err := xml.Marshal(junit([]string{taints, pods, proxy}, told()))
	if err != nil {
		t.Fatal(err)
	}
	want := `<testsuite name="Kubernetes conformance" tests="3" failures="1" skipped="1" time="90.5" timestamp="1970-01-01T01:00:00Z">` +
		`<testcase name="` + proxy + `" classname="sig-network" time="2"><failure message="no ` + "`answer`" + `">&#xA;  no ` + "`answer`" + `&#xA;at line 5</failure></testcase>` +
		`<testcase name="` + pods + `" classname="sig-node" time="1"><system-out>FLAKY: passed when run again; at first: too slow</system-out></testcase>` +
		`<testcase name="` + taints + `" classname="sig-node" time="0"><skipped message="not run"></skipped></testcase></testsuite>`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Errorf("JUnit (-want +got):\n%s", diff)
	}
}

func TestTheClosingLineCountsWhatWasSeen(t *testing.T) {
	got := closing([]string{pods, proxy, taints}, []string{pods, proxy}, told(), 2, 90*time.Second)
	want := "conformance: 3 tests: 1 passed (1 of them flaky), 1 failed, 1 not run; 1m30s, nodes: 2"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
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
