// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// Result is how a test ended. A test without one was not run.
type Result struct {
	Test    string  `json:"test"`
	Passed  bool    `json:"passed"`
	Seconds float64 `json:"seconds"`
	Failure string  `json:"failure,omitempty"` // the whole message
	// Build of coxswain that the test ran against.
	Build string `json:"build"`
}

// journal is the file that results are appended to, one JSON object a line. The last one of a test counts.
type journal struct {
	mu   sync.Mutex
	file *os.File
	last map[string]Result
}

// openJournal reads what is there. Results of other builds are left out unless keep is set. A line that a crash cut off
// is ignored: its test runs again.
func openJournal(path, build string, keep bool) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	last, err := readResults(file, func(r Result) bool { return keep || r.Build == build })
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading the journal: %w", err), file.Close())
	}
	return &journal{file: file, last: last}, nil
}

func readResults(from io.Reader, counts func(Result) bool) (map[string]Result, error) {
	results := map[string]Result{}
	lines := bufio.NewReader(from)
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return results, nil
		}
		if err != nil {
			return nil, err
		}
		var result Result
		if json.Unmarshal(line, &result) == nil && counts(result) {
			results[result.Test] = result
		}
	}
}

// add writes a result down before it counts.
func (j *journal) add(result Result) error {
	line, err := json.Marshal(result)
	if err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	j.last[result.Test] = result
	return nil
}

// results are the last ones, by test. The journal must not be in use any more.
func (j *journal) results() map[string]Result {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.last
}

func (j *journal) close() error { return j.file.Close() }
