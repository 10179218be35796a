// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"time"
)

// counts of tests. Together they are the total.
type counts struct {
	Total  int `json:"total"`
	Passed int `json:"passed"`
	Failed int `json:"failed"`
	NotRun int `json:"notRun"`
}

func (c *counts) add(result Result, ran bool) {
	c.Total++
	switch {
	case !ran:
		c.NotRun++
	case result.Passed:
		c.Passed++
	default:
		c.Failed++
	}
}

// summary is docs/conformance.json, and what the page is written from. Flaky tests are among those that passed.
type summary struct {
	Commit string `json:"commit"`
	Date   string `json:"date"`
	counts
	BySIG map[string]*counts `json:"bySIG"`
	// More than issue 3 asks for: whether the tree had changes, the nodes that the tests ran on (every number that any of
	// the sessions had) and the wall time of all parts of the run.
	Dirty       bool  `json:"dirty"`
	Flaky       int   `json:"flaky"`
	Nodes       []int `json:"nodes"`
	WallSeconds int   `json:"wallSeconds"`

	parts    int           // sessions that the run was made of
	tested   time.Duration // time of all tests together
	stale    int           // results of other builds among them
	failures []Result
	flakes   []Result
	left     []string
}

// whole is a run that may stand for its build: every test has a result, and all of them are this build's.
func (s summary) whole() bool { return s.NotRun == 0 && s.stale == 0 }

// summarize is made of the journal alone, so that the same journal gives the same report whenever it is written. The
// date is that of the last result.
func summarize(tests []string, h history, build build) summary {
	s := summary{Commit: build.commit, Dirty: build.dirty, BySIG: map[string]*counts{}, Nodes: []int{}}
	for _, test := range slices.Sorted(slices.Values(tests)) {
		result, ran := h.last[test]
		sig := sigOf(test)
		if s.BySIG[sig] == nil {
			s.BySIG[sig] = &counts{}
		}
		s.add(result, ran)
		s.BySIG[sig].add(result, ran)
		switch {
		case !ran:
			s.left = append(s.left, test)
			continue
		case !result.Passed:
			s.failures = append(s.failures, result)
		case result.Flaky != "":
			s.flakes = append(s.flakes, result)
		}
		s.tested += time.Duration(result.Seconds * float64(time.Second))
		if result.Build != build.id {
			s.stale++
		}
	}
	s.Flaky = len(s.flakes)
	s.addSessions(h.gave())
	return s
}

func (s *summary) addSessions(sessions []Session) {
	var last time.Time
	var wall float64
	for _, session := range sessions {
		wall += session.Elapsed
		if session.At.After(last) {
			last = session.At
		}
		s.Nodes = append(s.Nodes, session.Nodes)
	}
	slices.Sort(s.Nodes)
	s.Nodes = slices.Compact(s.Nodes)
	s.parts, s.WallSeconds = len(sessions), int(wall)
	s.Date = last.UTC().Format("2006-01-02T15:04:05Z")
}
