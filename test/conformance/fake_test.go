// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What this test binary is when it is started by a test of ours.
const (
	asSuite  = "COXSWAIN_TEST_AS_SUITE"  // e2e.test, with the play in this folder
	asRunner = "COXSWAIN_TEST_AS_RUNNER" // the runner, so that it can be killed
)

func TestMain(m *testing.M) {
	// A runner's suite is this binary, too, and the first argument tells the two apart.
	isSuite := len(os.Args) > 1 && strings.HasPrefix(os.Args[1], "--ginkgo.")
	switch {
	case isSuite:
		os.Exit(play(os.Getenv(asSuite), os.Args[1:]))
	case len(os.Args) > 1 && os.Args[1] == "kubectl":
		fmt.Println(`{"clientVersion":{"gitCommit":"abc","gitTreeState":"clean"}}`)
	case os.Getenv(asRunner) != "":
		if err := command(context.Background(), os.Args[1:], os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	default:
		os.Exit(m.Run())
	}
}

// What a test of a play does when it is run; the last act of its list is that of all later runs.
const (
	pass  = "pass"
	fail  = "fail"
	hang  = "hang"  // until it is interrupted
	stuck = "stuck" // until it is killed
	die   = "die"   // and the suite with it, without a report
	sink  = "sink"  // and the cluster with it
	skip  = "skip"  // itself
)

type acts map[string][]string

// stage makes a folder for a play and lets suites that we start find it.
func stage(t *testing.T, plan acts) string {
	t.Helper()
	dir := t.TempDir()
	data, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "plan"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv(asSuite, dir)
	return dir
}

// runs are the tests in the order in which they were started, on any stage of the play.
func runs(dir string) []string {
	data, err := os.ReadFile(filepath.Join(dir, "runs"))
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func countOf(dir, test string) int {
	count := 0
	for _, run := range runs(dir) {
		if run == test {
			count++
		}
	}
	return count
}

// play is the suite: it runs the tests that its focus names and writes Ginkgo's report at the end.
func play(dir string, arguments []string) int {
	var plan acts
	data, err := os.ReadFile(filepath.Join(dir, "plan"))
	if err == nil {
		err = json.Unmarshal(data, &plan)
	}
	if err != nil {
		fmt.Println(err)
		return 3
	}
	var focus *regexp.Regexp
	var report string
	for _, argument := range arguments {
		name, value, _ := strings.Cut(argument, "=")
		switch name {
		case "--ginkgo.focus":
			focus = regexp.MustCompile(value)
		case "--ginkgo.json-report":
			report = value
		}
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, syscall.SIGINT)
	var specs []spec
	for _, test := range slices.Sorted(keys(plan)) {
		if !focus.MatchString("Kubernetes e2e suite " + test) {
			continue
		}
		did := act(dir, test, plan[test], interrupts)
		if did == "died" {
			return 2
		}
		specs = append(specs, did.spec(test))
		fmt.Println("• [0.001 seconds]")
		if did == "interrupted" {
			break
		}
	}
	data, err = json.Marshal([]map[string][]spec{{"SpecReports": specs}})
	if err == nil {
		err = os.WriteFile(report, data, 0o644)
	}
	if err != nil {
		fmt.Println(err)
		return 3
	}
	return 0
}

func keys(plan acts) func(func(string) bool) {
	return func(yield func(string) bool) {
		for test := range plan {
			if !yield(test) {
				return
			}
		}
	}
}

type state string

func (s state) spec(test string) spec {
	result := spec{LeafNodeText: test, LeafNodeType: "It", State: string(s), RunTime: time.Millisecond}
	if s != "passed" {
		result.Failure.Message = string(s)
	}
	return result
}

// act runs a test once and says how it ended.
func act(dir, test string, list []string, interrupts <-chan os.Signal) state {
	before := countOf(dir, test)
	file, err := os.OpenFile(filepath.Join(dir, "runs"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err == nil {
		_, err = file.WriteString(test + "\n")
		err = errors.Join(err, file.Close())
	}
	if err != nil {
		return "died"
	}
	switch list[min(before, len(list)-1)] {
	case pass:
		return "passed"
	case hang:
		<-interrupts
		return "interrupted"
	case stuck:
		select {}
	case die:
		return "died"
	case sink:
		if err := os.WriteFile(filepath.Join(dir, "sunk"), nil, 0o644); err != nil {
			return "died"
		}
	case skip:
		return "skipped"
	}
	return "failed"
}

// fakeCluster dies when a play says so, and is alive again at once.
type fakeCluster struct {
	dir string

	mu         sync.Mutex // guards what follows
	generation int
	swept      []int // how many tests had run at each sweep
}

func (c *fakeCluster) check(context.Context) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch err := os.Remove(filepath.Join(c.dir, "sunk")); {
	case err == nil:
		c.generation++
	case !errors.Is(err, fs.ErrNotExist):
		return 0, err
	}
	return c.generation, nil
}

func (c *fakeCluster) sweep(context.Context) ([]string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swept = append(c.swept, len(runs(c.dir)))
	return nil, nil
}
