// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"
)

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

// readReport reads how the tests of a batch ended. late says that the batch was interrupted since a test took longer
// than limit.
func readReport(file string, limit time.Duration, late bool) ([]Result, error) {
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
			if result, ran := resultOf(spec, limit, late); ran {
				results = append(results, result)
			}
		}
	}
	return results, nil
}

// resultOf is how a test ended, and whether it ran to an end of its own at all. A test that skips itself has not shown
// that it passes. One that was interrupted has failed only if that was for its own lateness: otherwise somebody has
// stopped the whole run, which says nothing about the test.
func resultOf(s spec, limit time.Duration, late bool) (Result, bool) {
	result := Result{Test: s.name(), Seconds: s.RunTime.Seconds(), Failure: s.Failure.Message}
	if s.LeafNodeType != "It" {
		return result, false
	}
	switch s.State {
	case "passed":
		result.Passed, result.Failure = true, ""
		return result, true
	case "pending", "":
		return result, false
	case "skipped":
		result.Failure = "skipped itself: " + s.Failure.Message
		return result, s.Failure.Message != ""
	case "interrupted", "timedout":
		result.Failure = fmt.Sprintf("did not end within %v: %s", limit, s.Failure.Message)
		return result, late
	}
	if result.Failure == "" {
		result.Failure = "no message"
	}
	return result, true
}
