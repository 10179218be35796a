// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"
)

// errLate says that a suite ended without a report since it had to be killed for a test that did not end.
var errLate = errors.New("a test did not end in time")

// suite starts the official e2e.test program.
type suite struct {
	program, kubectl, kubeconfig string
	logs                         string        // folder of one log and one JSON report a batch
	limit                        time.Duration // of one test
	grace                        time.Duration // from an interrupt, which lets the suite clean up, to the kill
	flags                        []string
}

// run runs a batch and returns a result for each test that ended or was stopped for taking too long. An error says that
// the suite ended without a report.
func (s suite) run(ctx context.Context, name string, tests []string) ([]Result, error) {
	log, err := os.Create(filepath.Join(s.logs, name+".log"))
	if err != nil {
		return nil, fmt.Errorf("running batch %s: %w", name, err)
	}
	defer func() { _ = log.Close() }() // a log is not worth failing a batch for
	report := filepath.Join(s.logs, name+".json")
	if err := os.Remove(report); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("running batch %s: %w", name, err)
	}
	ctx, interrupt := context.WithCancel(ctx)
	defer interrupt()
	command := exec.CommandContext(ctx, s.program, append([]string{
		"--ginkgo.focus=" + exactly(tests),
		"--ginkgo.json-report=" + report,
		"--ginkgo.v", "--ginkgo.silence-skips", "--ginkgo.no-color", "--ginkgo.timeout=24h",
		fmt.Sprintf("--ginkgo.grace-period=%v", s.grace/2),
		"--kubeconfig=" + s.kubeconfig, "--kubectl-path=" + s.kubectl,
		"--provider=skeleton", "--num-nodes=-1", "--disable-log-dump",
	}, s.flags...)...)
	ownGroup(command)
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = s.grace
	var late atomic.Bool
	alarm := time.AfterFunc(s.limit, func() { late.Store(true); interrupt() })
	defer alarm.Stop()
	command.Stdout = &follower{log: log, ended: func() {
		if !late.Load() {
			alarm.Reset(s.limit)
		}
	}}
	command.Stderr = log
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("running batch %s: %w", name, err)
	}
	ended := command.Wait()
	killGroup(command) // a suite that was killed leaves kubectl and its like behind
	results, err := readReport(report, s.limit, late.Load())
	if err == nil {
		// It tells of every test of the suite, megabytes each time, and the log has what one would look for.
		return results, os.Remove(report)
	}
	err = fmt.Errorf("batch %s, see %s: %w (%s)", name, log.Name(), err, how(ended))
	if late.Load() {
		err = errors.Join(errLate, err)
	}
	return results, err
}

// how a process ended, for people.
func how(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

// follower copies what the suite prints to its log and says when a test has ended.
type follower struct {
	log   io.Writer
	line  []byte // what there is of the last line
	ended func()
}

func (f *follower) Write(data []byte) (int, error) {
	f.line = append(f.line, data...)
	for {
		end := bytes.IndexByte(f.line, '\n')
		if end < 0 {
			break
		}
		if bytes.HasPrefix(f.line, []byte("• ")) {
			f.ended()
		}
		f.line = f.line[end+1:]
	}
	return f.log.Write(data)
}
