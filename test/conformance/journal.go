// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Result is how a test ended. A test without one was not run.
type Result struct {
	Test    string  `json:"test"`
	Passed  bool    `json:"passed"`
	Seconds float64 `json:"seconds"`
	Failure string  `json:"failure,omitempty"` // the whole message
	Flaky   string  `json:"flaky,omitempty"`   // the failure of a first try, if the second one passed
	Build   string  `json:"build"`             // of coxswain that the test ran against
}

// Session is one start of the runner; a run that was cut off and went on has several. It is in the journal as it was at
// each result, so that the time of one that was killed is known up to its last result.
type Session struct {
	ID      string    `json:"session"`
	Nodes   int       `json:"nodes"`
	Procs   int       `json:"procs"`
	Elapsed float64   `json:"elapsed"` // seconds since it began
	At      time.Time `json:"at"`
}

// entry is a line of the journal. One without a test only tells how long its session has lasted.
type entry struct {
	Result
	Session
}

// journal is the file that results are appended to, one JSON object a line. The last one of a test counts.
type journal struct {
	session Session // ours
	began   time.Time
	now     func() time.Time

	mu   sync.Mutex
	file *os.File
	read history
}

// history is what a journal tells.
type history struct {
	last     map[string]Result  // results that count, by test
	given    map[string]string  // the session that gave each of them
	sessions map[string]Session // as they were last seen
	past     took               // how long tests took, also in builds whose results do not count
}

// openJournal reads what is there and begins a session. Earlier results are left out unless counts says that they count.
func openJournal(path string, counts func(Result) bool, now func() time.Time) (*journal, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("opening the journal: %w", err)
	}
	j := &journal{file: file, began: now(), now: now}
	j.session.ID = j.began.UTC().Format("20060102T150405.000000Z")
	if err := j.load(counts); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

func (j *journal) load(counts func(Result) bool) error {
	if err := lockFile(j.file); err != nil {
		return fmt.Errorf("locking the journal %s, which another run holds: %w", j.file.Name(), err)
	}
	data, err := os.ReadFile(j.file.Name())
	if err != nil {
		return fmt.Errorf("reading the journal: %w", err)
	}
	j.read = readHistory(data, counts)
	if len(data) > 0 && !bytes.HasSuffix(data, []byte("\n")) {
		// A crash has cut the last line off. The next one must not become a part of it.
		if _, err := j.file.WriteString("\n"); err != nil {
			return fmt.Errorf("mending the journal: %w", err)
		}
	}
	return nil
}

// readHistory ignores lines that it cannot read: a crash has cut them off, and their tests run again.
func readHistory(data []byte, counts func(Result) bool) history {
	h := history{last: map[string]Result{}, given: map[string]string{}, sessions: map[string]Session{}, past: took{}}
	for line := range bytes.Lines(data) {
		var e entry
		if bytes.HasSuffix(line, []byte("\n")) && json.Unmarshal(line, &e) == nil {
			h.add(e, counts(e.Result))
		}
	}
	return h
}

func (h history) add(e entry, counts bool) {
	if e.ID != "" {
		h.sessions[e.ID] = e.Session
	}
	if e.Test == "" {
		return
	}
	h.past[e.Test] = time.Duration(e.Seconds * float64(time.Second))
	if counts {
		h.last[e.Test] = e.Result
		h.given[e.Test] = e.ID
	}
}

// add writes a result down before it counts. It is on the disk then, also if the machine stops.
func (j *journal) add(result Result) error { return j.write(result) }

// mark writes down how long the session has lasted.
func (j *journal) mark() error { return j.write(Result{}) }

func (j *journal) write(result Result) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := entry{Result: result, Session: j.session}
	e.At = j.now().UTC().Round(0)
	e.Elapsed = j.now().Sub(j.began).Seconds()
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	if err := j.file.Sync(); err != nil {
		return fmt.Errorf("writing the journal: %w", err)
	}
	j.read.add(e, true)
	return nil
}

// learn adds how long tests took that this journal knows nothing of.
func (j *journal) learn(past took) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for test, span := range past {
		if _, known := j.read.past[test]; !known {
			j.read.past[test] = span
		}
	}
}

// history is a copy of what is in the journal now.
func (j *journal) history() history {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := j.read
	return history{last: maps.Clone(h.last), given: maps.Clone(h.given), sessions: maps.Clone(h.sessions), past: maps.Clone(h.past)}
}

// results are the last ones, by test.
func (j *journal) results() map[string]Result { return j.history().last }

func (j *journal) close() error { return j.file.Close() }

// gave are the sessions that gave at least one of the results: a run and the runs it went on from, but none whose
// results were all replaced.
func (h history) gave() []Session {
	seen := map[string]bool{}
	var sessions []Session
	for _, id := range h.given {
		if session, known := h.sessions[id]; known && !seen[id] {
			seen[id] = true
			sessions = append(sessions, session)
		}
	}
	slices.SortFunc(sessions, func(a, b Session) int { return strings.Compare(a.ID, b.ID) })
	return sessions
}
