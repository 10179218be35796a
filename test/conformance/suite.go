// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// suite starts the official e2e.test program.
type suite struct {
	program, kubectl, kubeconfig string
	logs                         string // folder of one log and one JSON report a batch
	limit                        time.Duration
	flags                        []string
}

// spec is what we read of Ginkgo's JSON report.
type spec struct {
	ContainerHierarchyTexts []string
	LeafNodeText            string
	LeafNodeType            string
	State                   string
	RunTime                 time.Duration
	Failure                 struct{ Message string }
}

func (s spec) name() string {
	return strings.TrimSpace(strings.Join(append(s.ContainerHierarchyTexts, s.LeafNodeText), " "))
}

// run runs a batch and returns a result for each test that ended or was stopped for taking too long.
func (s suite) run(ctx context.Context, name string, tests []string) ([]Result, error) {
	log, err := os.Create(filepath.Join(s.logs, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("running batch %s: %w", name, err)
	}
	defer func() { _ = log.Close() }()
	report := filepath.Join(s.logs, name+".json")
	if err := os.Remove(report); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("running batch %s: %w", name, err)
	}
	command := exec.CommandContext(ctx, s.program, append([]string{
		"--ginkgo.focus=" + exactly(tests),
		"--ginkgo.json-report=" + report,
		"--ginkgo.v", "--ginkgo.silence-skips", "--ginkgo.no-color", "--ginkgo.timeout=24h", "--ginkgo.grace-period=30s",
		"--kubeconfig=" + s.kubeconfig, "--kubectl-path=" + s.kubectl,
		"--provider=skeleton", "--num-nodes=-1", "--disable-log-dump",
	}, s.flags...)...)
	// An interrupt lets the suite clean up and write its report; the kill is for one that does not.
	interrupt := func() error { return command.Process.Signal(syscall.SIGINT) }
	command.Cancel, command.WaitDelay = interrupt, time.Minute
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	output, err := command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("running batch %s: %w", name, err)
	}
	command.Stderr = log
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("running batch %s: %w", name, err)
	}
	late := time.AfterFunc(s.limit, func() { _ = interrupt() })
	defer late.Stop()
	follow(output, log, func() { late.Reset(s.limit) })
	_ = command.Wait() // how each test ended is in the report
	return readReport(report, s.limit)
}

// follow copies output to the log and says when a test has ended.
func follow(output io.Reader, log io.Writer, ended func()) {
	lines := bufio.NewReader(output)
	for {
		line, err := lines.ReadString('\n')
		_, _ = io.WriteString(log, line)
		if strings.HasPrefix(line, "• ") {
			ended()
		}
		if err != nil {
			return
		}
	}
}

func readReport(file string, limit time.Duration) ([]Result, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading what the suite reports: %w", err)
	}
	var reports []struct{ SpecReports []spec }
	if err := json.Unmarshal(data, &reports); err != nil {
		return nil, fmt.Errorf("reading what the suite reports: %w", err)
	}
	var results []Result
	for _, report := range reports {
		for _, spec := range report.SpecReports {
			if result, ran := resultOf(spec, limit); ran {
				results = append(results, result)
			}
		}
	}
	return results, nil
}

// resultOf is how a test ended, and whether it ran at all. A test that skips itself has not shown that it passes.
func resultOf(s spec, limit time.Duration) (Result, bool) {
	result := Result{Test: s.name(), Seconds: s.RunTime.Seconds(), Failure: s.Failure.Message}
	if s.LeafNodeType != "It" {
		return result, false
	}
	switch s.State {
	case "passed":
		result.Passed = true
		return result, true
	case "pending", "":
		return result, false
	case "skipped":
		result.Failure = "skipped itself: " + s.Failure.Message
		return result, s.Failure.Message != ""
	case "interrupted", "timedout":
		result.Failure = fmt.Sprintf("did not end within %v: %s", limit, s.Failure.Message)
		return result, s.RunTime > limit/2 // otherwise it was we who were interrupted
	}
	return result, true
}
