// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"coxswain.dev/coxswain/test/bench/machine"
	"coxswain.dev/coxswain/test/bench/report"
	"coxswain.dev/coxswain/test/bench/scenario"
)

// measure runs the scenarios one after the other. One that fails leaves rows without figures, and the others go on: a
// table of ten rows is worth more than an error alone, though it does not get into docs/.
func measure(ctx context.Context, chosen []scenario.Scenario, config scenario.Config) (report.Page, []error) {
	began, before := time.Now(), machine.Load()
	var others []float64 // the share of the machine that others used when a side began
	left := allPatience
	config.Calm = func(ctx context.Context) {
		began := time.Now()
		others = append(others, machine.AwaitCalm(ctx, min(patience, left)))
		left = max(0, left-time.Since(began))
	}
	var page report.Page
	var failures []error
	for _, s := range chosen {
		if ctx.Err() != nil {
			failures = append(failures, fmt.Errorf("measuring %q: %w", s.Name, context.Cause(ctx)))
			break
		}
		fmt.Fprintf(config.Progress, "%s (load %s)\n", s.Name, machine.Load())
		if err := possible(s); err != nil {
			failures = append(failures, err)
			continue
		}
		rows, err := scenario.Measure(ctx, s, config)
		page.Rows = append(page.Rows, rows...)
		if err != nil {
			fmt.Fprintf(config.Progress, "  error: %v\n", err)
			failures = append(failures, err)
		}
	}
	page.Facts = append(machine.Facts(),
		"Coxswain: "+config.Commit,
		"Peers: "+versions(context.WithoutCancel(ctx), config.Run.Peers),
		fmt.Sprintf("Run: %s, %d rounds, %s", began.UTC().Format("2006-01-02 15:04 MST"), config.Rounds, time.Since(began).Round(time.Second)),
		disturbance(others),
		fmt.Sprintf("Load averages (1, 5, 15 minutes): %s before, %s after; the work itself loads the machine", before, machine.Load()))
	return page, failures
}

// patience is how long a side waits for others to leave the machine to it, and allPatience how long all do together. A
// machine that is never calm must not make a run endless; the page tells how it was.
const (
	patience    = 15 * time.Second
	allPatience = 6 * time.Minute
)

// disturbance says how much of the machine others used.
func disturbance(others []float64) string {
	if len(others) == 0 {
		return "Others on the machine: unknown, nothing was measured"
	}
	sorted := slices.Sorted(slices.Values(others))
	return fmt.Sprintf("Others on the machine: %.0f %% of its cores in the median of %d looks, one before each side; at most %.0f %%",
		100*sorted[len(sorted)/2], len(sorted), 100*sorted[len(sorted)-1])
}

// possible is an error that says what this machine lacks.
func possible(s scenario.Scenario) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("SKIPPED %s: benchmarks read /proc and need Linux", s.Name)
	}
	if s.Needs&scenario.Root != 0 && os.Geteuid() != 0 {
		return fmt.Errorf("SKIPPED %s: it runs real containers and needs root", s.Name)
	}
	return nil
}

// versions of the peers, as they tell themselves.
func versions(ctx context.Context, folder string) string {
	var all []string
	for _, program := range []string{"kube-apiserver", "etcd"} {
		out, err := exec.CommandContext(ctx, filepath.Join(folder, program), "--version").Output()
		if err != nil {
			return "none were found in the folder of --peers"
		}
		line, _, _ := strings.Cut(string(out), "\n")
		all = append(all, strings.TrimPrefix(line, "etcd Version: "))
	}
	return all[0] + " and its parts, etcd " + all[1]
}

// finish writes the files of a whole run without failures, and says why it does not otherwise.
func finish(o options, page report.Page, complete bool) error {
	switch {
	case o.out == "":
		return nil
	case !o.whole():
		fmt.Fprintf(os.Stderr, "%s is left as it is: this was a part of the benchmarks, or fewer than 5 rounds\n", filepath.Join(o.out, "benchmarks.md"))
		return nil
	case !complete:
		fmt.Fprintf(os.Stderr, "%s is left as it is: not everything was measured\n", filepath.Join(o.out, "benchmarks.md"))
		return nil
	}
	return report.Write(o.out, page)
}
