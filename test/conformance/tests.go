// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"regexp"
	"strings"
)

// readTests reads a list of tests, one a line. Empty lines and those that begin with # are left out.
func readTests(file string) ([]string, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the list of tests: %w", err)
	}
	var tests []string
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			tests = append(tests, line)
		}
	}
	return tests, nil
}

// sigOf is the special interest group that a test belongs to: "sig-node".
func sigOf(test string) string {
	if rest, ok := strings.CutPrefix(test, "["); ok {
		if sig, _, ok := strings.Cut(rest, "]"); ok {
			return sig
		}
	}
	return "none"
}

// isSerial tells of tests that have to have the cluster for themselves.
func isSerial(test string) bool { return strings.Contains(test, "[Serial]") || isDisruptive(test) }

// isDisruptive tells of tests that break what others need, such as nodes.
func isDisruptive(test string) bool { return strings.Contains(test, "[Disruptive]") }

// choose leaves the tests that match focus and not skip. An empty expression chooses all and skips none.
func choose(tests []string, focus, skip string) ([]string, error) {
	wanted, err := regexp.Compile(focus)
	if err != nil {
		return nil, fmt.Errorf("reading the focus: %w", err)
	}
	unwanted, err := regexp.Compile(skip)
	if err != nil {
		return nil, fmt.Errorf("reading the skip: %w", err)
	}
	var chosen []string
	for _, test := range tests {
		if wanted.MatchString(test) && (skip == "" || !unwanted.MatchString(test)) {
			chosen = append(chosen, test)
		}
	}
	return chosen, nil
}

// exactly is an expression that matches these tests and no others.
func exactly(tests []string) string {
	quoted := make([]string, 0, len(tests))
	for _, test := range tests {
		quoted = append(quoted, regexp.QuoteMeta(test))
	}
	// Ginkgo compares with the suite's own name before each test's.
	return "^Kubernetes e2e suite (" + strings.Join(quoted, "|") + ")$"
}

// without leaves the tests that are not among the others.
func without(tests, others []string) []string {
	known := map[string]bool{}
	for _, test := range others {
		known[test] = true
	}
	var left []string
	for _, test := range tests {
		if !known[test] {
			left = append(left, test)
		}
	}
	return left
}
