// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"
)

type options struct {
	binary, cache, name, list, only, focus, skip, ratchet, report, dir string
	kubeconfig, upFlags, suiteFlags                                    string
	nodes, procs, batch                                                int
	limit, long, within                                                time.Duration
	keep, again, failed, retry, leave, grow, reportOnly                bool
}

func (o *options) addFlags(set *flag.FlagSet) {
	set.StringVar(&o.binary, "coxswain", "bin/coxswain", "binary under test")
	set.StringVar(&o.cache, "cache", ".cache/conformance", "folder that hack/conformance/build.sh has filled; logs and results go there, too")
	set.StringVar(&o.name, "name", "results", "name of the journal and of the reports in CACHE; results under one name do not count under another")
	set.StringVar(&o.list, "list", "hack/conformance/conformance-1.37.txt", "file that names every test of the suite")
	set.StringVar(&o.only, "only", "", "file that names the tests to run (default all)")
	set.StringVar(&o.focus, "focus", "", "run only tests that match this expression")
	set.StringVar(&o.skip, "skip", "", "run no test that matches this expression")
	set.StringVar(&o.ratchet, "ratchet", "hack/conformance/passing.txt", "file that names the tests that must pass when they run")
	set.BoolVar(&o.grow, "grow", false, "add the tests that pass now to the ratchet file")
	set.StringVar(&o.report, "report", "docs/conformance", "write this .md and .json once every test has a result of this build (before: to CACHE); empty for never")
	set.BoolVar(&o.reportOnly, "report-only", false, "run nothing, only write the reports of what was run before")
	set.StringVar(&o.dir, "dir", "", "folder of the cluster (default CACHE/cluster); make it short, sockets are in it")
	set.StringVar(&o.kubeconfig, "kubeconfig", "", "run against this cluster, which has the images, instead of starting one")
	set.StringVar(&o.upFlags, "up", "", "more flags for `coxswain up`, separated by spaces")
	set.StringVar(&o.suiteFlags, "suite", "", "more flags for the suite, separated by spaces")
	set.IntVar(&o.nodes, "nodes", 2, "how many nodes the cluster has")
	set.IntVar(&o.procs, "procs", min(2*runtime.NumCPU(), 8), "how many tests to run at once; most of them wait, so more than there are cores")
	set.IntVar(&o.batch, "batch", 6, "how many tests to run at most in one start of the suite")
	set.DurationVar(&o.long, "long", time.Minute, "how long the tests of one start of the suite may be expected to take together")
	set.DurationVar(&o.limit, "limit", 10*time.Minute, "how long one test may take")
	set.DurationVar(&o.within, "within", 0, "stop after this time, which is a failure (default never)")
	set.BoolVar(&o.keep, "keep", false, "results of other builds count as well")
	set.BoolVar(&o.again, "again", false, "run tests that have a result, too")
	set.BoolVar(&o.failed, "failed", false, "run tests that failed again; one that passes then is flaky")
	set.BoolVar(&o.retry, "retry", false, "run a test of the ratchet that fails a second time, and call it flaky if it passes then")
	set.BoolVar(&o.leave, "leave", false, "leave the cluster running")
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

// command is the whole program but for signals and its exit.
func command(ctx context.Context, arguments []string, out io.Writer) error {
	var o options
	set := flag.NewFlagSet("conformance", flag.ContinueOnError)
	o.addFlags(set)
	if err := set.Parse(arguments); err != nil {
		return err
	}
	if set.NArg() > 0 || o.nodes < 1 || o.procs < 1 || o.batch < 1 || o.limit <= 0 {
		return fmt.Errorf("reading the flags: arguments %q, -nodes %d, -procs %d, -batch %d, -limit %v: there are no arguments, and numbers are positive",
			set.Args(), o.nodes, o.procs, o.batch, o.limit)
	}
	return o.run(ctx, out)
}
