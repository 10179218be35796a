// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

type options struct {
	binary, cache, list, only, focus, skip, ratchet, report, dir string
	kubeconfig, upFlags, suiteFlags                              string
	procs, batch                                                 int
	limit                                                        time.Duration
	keep, again, failed, leave, grow, reportOnly                 bool
}

func main() {
	var o options
	flag.StringVar(&o.binary, "coxswain", "bin/coxswain", "binary under test")
	flag.StringVar(&o.cache, "cache", ".cache/conformance", "folder that hack/conformance/build.sh has filled; logs and results go there, too")
	flag.StringVar(&o.list, "list", "hack/conformance/conformance-1.37.txt", "file that names every test of the suite")
	flag.StringVar(&o.only, "only", "", "file that names the tests to run (default all)")
	flag.StringVar(&o.focus, "focus", "", "run only tests that match this expression")
	flag.StringVar(&o.skip, "skip", "", "run no test that matches this expression")
	flag.StringVar(&o.ratchet, "ratchet", "hack/conformance/passing.txt", "file that names the tests that must pass when they run")
	flag.BoolVar(&o.grow, "grow", false, "add the tests that pass now to the ratchet file")
	flag.StringVar(&o.report, "report", "docs/conformance", "write this .md and .json; empty for none")
	flag.BoolVar(&o.reportOnly, "report-only", false, "run nothing, only write the report of what was run before")
	flag.StringVar(&o.dir, "dir", "", "folder of the cluster (default CACHE/cluster); make it short, sockets are in it")
	flag.StringVar(&o.kubeconfig, "kubeconfig", "", "run against this cluster, which has the images, instead of starting one")
	flag.StringVar(&o.upFlags, "up", "", "more flags for `coxswain up`, separated by spaces, such as --nodes=2")
	flag.StringVar(&o.suiteFlags, "suite", "", "more flags for the suite, separated by spaces")
	flag.IntVar(&o.procs, "procs", 2, "how many tests to run at once")
	flag.IntVar(&o.batch, "batch", 6, "how many tests to run in one start of the suite")
	flag.DurationVar(&o.limit, "limit", 10*time.Minute, "how long one test may take")
	flag.BoolVar(&o.keep, "keep", false, "results of other builds count as well")
	flag.BoolVar(&o.again, "again", false, "run tests that have a result, too")
	flag.BoolVar(&o.failed, "failed", false, "run tests that failed again")
	flag.BoolVar(&o.leave, "leave", false, "leave the cluster running")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (retErr error) {
	all, err := readTests(o.list)
	if err != nil {
		return err
	}
	wanted := all
	if o.only != "" {
		if wanted, err = readTests(o.only); err != nil {
			return err
		}
		if unknown := without(wanted, all); len(unknown) > 0 {
			return fmt.Errorf("%s names tests that the suite does not have: %q", o.only, unknown)
		}
	}
	if wanted, err = choose(wanted, o.focus, o.skip); err != nil {
		return err
	}
	build, err := buildOf(ctx, o.binary)
	if err != nil {
		return err
	}
	results, err := openJournal(filepath.Join(o.cache, "results.jsonl"), build.id, o.keep || o.reportOnly)
	if err != nil {
		return err
	}
	defer func() { retErr = errors.Join(retErr, results.close()) }()
	began := time.Now()
	todo := wanted
	switch {
	case o.reportOnly:
		todo = nil
	case !o.again:
		todo = unfinished(wanted, results.results(), o.failed)
	}
	fmt.Fprintf(out, "conformance: %d tests chosen, %d to run\n", len(wanted), len(todo))
	if len(todo) > 0 {
		if err := o.runTests(ctx, todo, build.id, results, out); err != nil {
			return err
		}
	}
	summary := summarize(all, results.results(), build, time.Now())
	summary.Took = time.Since(began)
	if o.report != "" {
		if err := summary.write(o.report); err != nil {
			return err
		}
	}
	if err := writeJUnit(filepath.Join(o.cache, "junit.xml"), all, results.results()); err != nil {
		return err
	}
	fmt.Fprint(out, summary.table())
	return checkRatchet(o.ratchet, wanted, results.results(), o.grow)
}

// unfinished are the tests without a result, and those that failed if they are to run again.
func unfinished(tests []string, results map[string]Result, failed bool) []string {
	var todo []string
	for _, test := range tests {
		result, ran := results[test]
		if !ran || failed && !result.Passed {
			todo = append(todo, test)
		}
	}
	return todo
}

// runTests starts a cluster and runs the tests on it.
func (o options) runTests(ctx context.Context, tests []string, build string, results *journal, out io.Writer) (retErr error) {
	dir := o.dir
	if dir == "" {
		dir = filepath.Join(o.cache, "cluster")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	c, err := newCluster(o.binary, dir, strings.Fields(o.upFlags))
	if err != nil {
		return err
	}
	if o.kubeconfig != "" {
		c.config = o.kubeconfig
	} else if err := c.up(ctx, filepath.Join(o.cache, "images")); err != nil {
		return errors.Join(err, c.down(context.WithoutCancel(ctx)))
	}
	if !o.leave && o.kubeconfig == "" {
		defer func() {
			stopping, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Minute)
			defer cancel()
			retErr = errors.Join(retErr, c.down(stopping))
		}()
	}
	kubectl, err := c.linkKubectl()
	if err != nil {
		return err
	}
	logs := filepath.Join(o.cache, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return err
	}
	r := &runner{
		suite: suite{
			program: filepath.Join(o.cache, "bin", "e2e.test"), kubectl: kubectl, kubeconfig: c.config,
			logs: logs, limit: o.limit, flags: strings.Fields(o.suiteFlags),
		},
		build: build, results: results, out: out, batch: o.batch, total: len(tests),
	}
	return r.runAll(ctx, tests, o.procs)
}
