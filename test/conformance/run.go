// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// errOvertime is the end of a run that took longer than -within.
var errOvertime = errors.New("the time of this run is over")

// run runs what is chosen and has no result, and reports on everything, also when it was cut off.
func (o options) run(ctx context.Context, out io.Writer) (retErr error) {
	all, wanted, err := o.tests()
	if err != nil {
		return err
	}
	must, err := readRatchet(o.ratchet)
	if err != nil {
		return err
	}
	build, err := buildOf(ctx, o.binary)
	if err != nil {
		return err
	}
	results, err := openJournal(filepath.Join(o.cache, o.name+".jsonl"), o.counts(build, wanted), time.Now)
	if err != nil {
		return err
	}
	defer func() { retErr = errors.Join(retErr, results.close()) }()
	if err := o.learn(results); err != nil {
		return err
	}
	todo := unfinished(wanted, results.results(), o.failed)
	if o.reportOnly {
		todo = nil
	}
	fmt.Fprintf(out, "conformance: build %s: %d tests chosen, %d to run\n", build, len(wanted), len(todo))
	var cut error
	if len(todo) > 0 {
		cut = o.runTests(ctx, todo, must, build.id, results, out)
		if err := results.mark(); err != nil {
			return errors.Join(cut, err)
		}
	}
	if err := o.writeReports(all, wanted, build, results.history(), out); err != nil {
		return errors.Join(cut, err)
	}
	h := results.history()
	seen := without(wanted, unfinished(wanted, h.last, false))
	if o.grow {
		if must, err = growRatchet(o.ratchet, must, h.last); err != nil {
			return errors.Join(cut, err)
		}
	}
	verdict := errors.Join(cut, checkRatchet(must, wanted, seen, h.last, cut != nil || o.reportOnly))
	fmt.Fprintln(out, closing(wanted, seen, h, o.nodesOf(h, results), time.Since(results.began)))
	return verdict
}

// nodesOf is how many nodes the tests ran on, as far as we know.
func (o options) nodesOf(h history, results *journal) int {
	if nodes := results.session.Nodes; nodes > 0 {
		return nodes
	}
	nodes := 0
	for _, session := range h.gave() {
		nodes = session.Nodes
	}
	return nodes
}

// tests are those of the suite, and those of them that were chosen.
func (o options) tests() (all, wanted []string, err error) {
	if all, err = readTests(o.list); err != nil {
		return nil, nil, err
	}
	wanted = all
	if o.only != "" {
		if wanted, err = readTests(o.only); err != nil {
			return nil, nil, err
		}
		if unknown := without(wanted, all); len(unknown) > 0 {
			return nil, nil, fmt.Errorf("%s names tests that the suite does not have: %q", o.only, unknown)
		}
	}
	wanted, err = choose(wanted, o.focus, o.skip)
	if err == nil && len(wanted) == 0 {
		err = fmt.Errorf("no test matches -focus %q and not -skip %q", o.focus, o.skip)
	}
	return all, wanted, err
}

// counts says which results of earlier runs count: those of this build, but none of a test that is to run again.
func (o options) counts(build build, wanted []string) func(Result) bool {
	return func(r Result) bool {
		anew := o.again && !o.reportOnly && slices.Contains(wanted, r.Test)
		return !anew && (o.keep || r.Build == build.id)
	}
}

// learn takes how long tests took from the other journals in the cache, where our own does not know.
func (o options) learn(results *journal) error {
	files, err := filepath.Glob(filepath.Join(o.cache, "*.jsonl"))
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return fmt.Errorf("reading how long tests took: %w", err)
		}
		results.learn(readHistory(data, func(Result) bool { return false }).past)
	}
	return nil
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

// runTests runs the tests on a cluster that it starts, or on the one that it was told of.
func (o options) runTests(ctx context.Context, tests, must []string, build string, results *journal, out io.Writer) (retErr error) {
	dir := o.dir
	if dir == "" {
		dir = filepath.Join(o.cache, "cluster")
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	r := &runner{
		build: build, results: results, out: out, batch: o.batch, long: o.long, now: time.Now,
		again:  func(test string) bool { return o.retry && slices.Contains(must, test) },
		before: map[string]string{},
	}
	for test, result := range results.results() {
		if result.Failure != "" && result.Build == build {
			r.before[test] = result.Failure
		}
	}
	where := &ours{nodes: o.nodes, say: r.say}
	config := o.kubeconfig
	if config == "" {
		where.cluster, err = newCluster(o.binary, dir, filepath.Join(o.cache, "images"), o.nodes, strings.Fields(o.upFlags))
		if err != nil {
			return err
		}
		if err := where.cluster.take(ctx); err != nil {
			return err
		}
		defer func() { retErr = errors.Join(retErr, o.giveUp(ctx, where.cluster)) }()
		if err := where.cluster.up(ctx); err != nil {
			return err
		}
		config = where.cluster.config
	}
	if where.api, err = client(config); err != nil {
		return err
	}
	if err := awaitReady(ctx, where.api, o.nodes, 2*patience); err != nil {
		return err
	}
	results.session.Nodes, results.session.Procs = o.nodes, o.procs
	kubectl, err := linkKubectl(o.binary, dir)
	if err != nil {
		return err
	}
	logs := filepath.Join(o.cache, "logs")
	if err := os.MkdirAll(logs, 0o755); err != nil {
		return fmt.Errorf("making the folder for logs: %w", err)
	}
	r.target = where
	r.suite = suite{
		program: filepath.Join(o.cache, "bin", "e2e.test"), kubectl: kubectl, kubeconfig: config,
		logs: logs, limit: o.limit, grace: 2 * time.Minute, flags: strings.Fields(o.suiteFlags),
	}
	if o.within > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.within, errOvertime)
		defer cancel()
	}
	err = r.runAll(ctx, tests, o.procs)
	if ctx.Err() != nil {
		return fmt.Errorf("cut off (%w); what has ended is written down, and the next run goes on with the other tests", context.Cause(ctx))
	}
	return err
}

// giveUp takes the cluster down, also when we are stopped, and lets others have its place.
func (o options) giveUp(ctx context.Context, c *cluster) error {
	var err error
	if !o.leave {
		err = c.down(context.WithoutCancel(ctx))
	}
	return errors.Join(err, c.claim.release())
}
