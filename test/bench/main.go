// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"coxswain.dev/coxswain/test/bench/scenario"
	"coxswain.dev/coxswain/test/bench/scenarios"
	"coxswain.dev/coxswain/test/env"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.only, "only", "", "measure the scenarios that this regular expression matches by name or row, and write no files")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each side runs; files are written for 5 and more only")
	flag.StringVar(&o.peers, "peers", "", "folder of the peers' programs (hack/peers/build.sh prints it)")
	flag.StringVar(&o.out, "out", "docs", "folder for benchmarks.md and benchmarks.json; empty for none")
	flag.BoolVar(&o.keep, "keep", false, "keep the folder, logs included, of a side that failed")
	flag.Parse()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

type options struct {
	only, peers, out string
	rounds           int
	keep             bool
}

// whole is whether a run may stand in docs/: all scenarios, often enough.
func (o options) whole() bool { return o.only == "" && o.rounds >= 5 }

// limit is the longest that one side may take once; the longest normal one takes about a minute.
const limit = 4 * time.Minute

func run(ctx context.Context, o options) (retErr error) {
	expression, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("reading the expression that chooses scenarios: %w", err)
	}
	chosen := scenario.Select(scenarios.All(), expression)
	if len(chosen) == 0 {
		return fmt.Errorf("no scenario matches %q; there are %s", o.only, strings.Join(names(scenarios.All()), ", "))
	}
	binary, err := env.Binary()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "coxb")
	if err != nil {
		return err
	}
	defer func() {
		if err := os.Remove(dir); err != nil && !o.keep { // not empty with -keep
			retErr = errors.Join(retErr, err)
		}
	}()
	config := scenario.Config{
		Run:    scenario.Run{Dir: dir, Coxswain: binary, Peers: o.peers, Images: filepath.Join(env.Root(), "bin", "images")},
		Rounds: o.rounds, Limit: limit, Commit: commitOf(ctx), Keep: o.keep, Progress: os.Stderr,
	}
	page, failures := measure(ctx, chosen, config)
	fmt.Println(page.Text())
	return errors.Join(append(failures, finish(o, page, len(failures) == 0))...)
}

// commitOf is the commit of this checkout, with a mark when something in it differs.
func commitOf(ctx context.Context) string {
	git := func(args ...string) string {
		out, err := exec.CommandContext(ctx, "git", append([]string{"-C", env.Root()}, args...)...).Output()
		if err != nil {
			return "unknown"
		}
		return strings.TrimSpace(string(out))
	}
	commit := git("rev-parse", "HEAD")
	// The files that this very run writes do not make another build of it.
	if git("status", "--porcelain", "--", ".", ":!docs/benchmarks.md", ":!docs/benchmarks.json") != "" {
		commit += "-dirty"
	}
	return commit
}

func names(all []scenario.Scenario) []string {
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
	}
	return names
}
