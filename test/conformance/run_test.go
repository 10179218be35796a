// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// apiServer answers what the runner asks of a cluster: it is ready, has one node, and no namespaces of tests.
func apiServer(t *testing.T) (kubeconfig string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/readyz":
			fmt.Fprint(w, "ok")
		case "/api/v1/nodes":
			fmt.Fprint(w, `{"kind":"NodeList","apiVersion":"v1","items":[{"metadata":{"name":"a"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}]}`)
		case "/api/v1/namespaces":
			fmt.Fprint(w, `{"kind":"NamespaceList","apiVersion":"v1","items":[]}`)
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	config := `{"apiVersion":"v1","kind":"Config","current-context":"c","contexts":[{"name":"c","context":{"cluster":"c"}}],` +
		`"clusters":[{"name":"c","cluster":{"server":"` + server.URL + `"}}]}`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// workplace is a checkout's cache with this binary as the suite, and the flags of a runner in it.
func workplace(t *testing.T, tests ...string) (dir string, flags []string) {
	t.Helper()
	dir = t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, "cache", "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "cache", "bin", "e2e.test")); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"list", "passing"} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.Join(tests, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir, []string{
		"-coxswain=" + self, "-cache=" + filepath.Join(dir, "cache"), "-list=" + filepath.Join(dir, "list"),
		"-ratchet=" + filepath.Join(dir, "passing"), "-report=" + filepath.Join(dir, "docs"), "-kubeconfig=" + apiServer(t),
		"-nodes=1", "-procs=1",
	}
}

func TestARunThatWasKilledGoesOn(t *testing.T) {
	play := stage(t, acts{"[sig-a] 1": {pass}, "[sig-a] 2": {stuck, pass}, "[sig-b] 3": {pass}})
	dir, flags := workplace(t, "[sig-a] 1", "[sig-a] 2", "[sig-b] 3")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	killed := exec.CommandContext(t.Context(), self, append(flags, "-batch=1")...)
	killed.Env = append(os.Environ(), asRunner+"=yes")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the second test", func() bool { return countOf(play, "[sig-a] 2") == 1 })
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait() // it was killed

	var out bytes.Buffer
	if err := command(t.Context(), flags, &out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	if diff := cmp.Diff([]string{"[sig-a] 1", "[sig-a] 2", "[sig-a] 2", "[sig-b] 3"}, runs(play)); diff != "" {
		t.Errorf("tests that ran (-want +got):\n%s", diff)
	}
	data, err := os.ReadFile(filepath.Join(dir, "docs.json"))
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	var got summary
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(counts{Total: 3, Passed: 3}, got.counts); diff != "" || got.Commit != "abc" || len(got.Nodes) != 1 {
		t.Errorf("the report: %+v\n%s", got, diff)
	}
	page, err := os.ReadFile(filepath.Join(dir, "docs.md"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "in 2 parts") {
		t.Errorf("the page does not tell of two parts:\n%s", page)
	}
	// Nothing is left: the same command writes the same report again.
	if err := command(t.Context(), flags, &out); err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(filepath.Join(dir, "docs.md"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(page), string(again)); diff != "" {
		t.Errorf("the page changed (-before +after):\n%s", diff)
	}
}

func TestTheRunsVerdict(t *testing.T) {
	for _, test := range []struct {
		name  string
		plan  acts
		flags []string
		want  string // of the error
		line  string
	}{
		{"all pass", acts{"[sig-a] 1": {pass}, "[sig-a] 2": {pass}}, nil, "", "2 tests: 2 passed (0 of them flaky), 0 failed, 0 not run"},
		{"one of the ratchet fails", acts{"[sig-a] 1": {pass}, "[sig-a] 2": {fail}}, nil, "1 tests that passed before fail now:\n[sig-a] 2", "1 failed, 0 not run"},
		{"one fails at first", acts{"[sig-a] 1": {pass}, "[sig-a] 2": {fail, pass}}, []string{"-retry"}, "", "2 passed (1 of them flaky), 0 failed"},
		{"time is over", acts{"[sig-a] 1": {hang}, "[sig-a] 2": {hang}}, []string{"-within=300ms"}, "the time of this run is over", "0 failed, 2 not run"},
		{"a part", acts{"[sig-a] 1": {pass}, "[sig-a] 2": {fail}}, []string{"-focus=1"}, "", "1 tests: 1 passed (0 of them flaky), 0 failed"},
		{"no such test", acts{}, []string{"-focus=nothing"}, "no test matches", ""},
		{"more nodes than there are", acts{}, []string{"-nodes=0"}, "numbers are positive", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			stage(t, test.plan)
			_, flags := workplace(t, "[sig-a] 1", "[sig-a] 2")
			var out bytes.Buffer
			got := ""
			if err := command(t.Context(), append(flags, test.flags...), &out); err != nil {
				got = err.Error()
			}
			if !strings.Contains(got, test.want) || test.want == "" && got != "" {
				t.Errorf("error %q, want %q", got, test.want)
			}
			if !strings.Contains(out.String(), test.line) {
				t.Errorf("the output lacks %q:\n%s", test.line, &out)
			}
		})
	}
}

func TestAnOldResultSaysNothingAboutARunAgain(t *testing.T) {
	stage(t, acts{"[sig-a] 1": {pass, hang}})
	_, flags := workplace(t, "[sig-a] 1")
	var out bytes.Buffer
	if err := command(t.Context(), flags, &out); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := command(t.Context(), append(flags, "-again", "-within=300ms"), &out); err == nil {
		t.Error("a run that was cut off ended without an error")
	}
	if line := "1 tests: 0 passed (0 of them flaky), 0 failed, 1 not run"; !strings.Contains(out.String(), line) {
		t.Errorf("the output lacks %q:\n%s", line, &out)
	}
}

func TestAPassAfterAFailureIsFlaky(t *testing.T) {
	stage(t, acts{"[sig-a] 1": {fail, pass}})
	dir, flags := workplace(t, "[sig-a] 1")
	var out bytes.Buffer
	if err := command(t.Context(), flags, &out); err == nil {
		t.Error("a test of the ratchet failed without an error")
	}
	if err := command(t.Context(), append(flags, "-failed", "-grow"), &out); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, "docs.md"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "## Passed only when run again\n\n- [sig-a] 1\n"; !strings.Contains(string(page), want) {
		t.Errorf("the page lacks %q:\n%s", want, page)
	}
}
