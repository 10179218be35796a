// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// checkRatchet fails when a test of the file ran and did not pass. With grow, tests that pass now are added first; none
// is ever taken out here.
func checkRatchet(file string, ran []string, results map[string]Result, grow bool) error {
	must, err := readTests(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if grow {
		must = grown(must, results)
		if err := os.WriteFile(file, []byte(strings.Join(must, "\n")+"\n"), 0o644); err != nil {
			return fmt.Errorf("writing the ratchet: %w", err)
		}
	}
	broken := broken(must, ran, results)
	if len(broken) > 0 {
		return fmt.Errorf("%d tests that passed before fail now:\n%s", len(broken), strings.Join(broken, "\n"))
	}
	return nil
}

func grown(must []string, results map[string]Result) []string {
	all := slices.Clone(must)
	for test, result := range results {
		if result.Passed {
			all = append(all, test)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func broken(must, ran []string, results map[string]Result) []string {
	var tests []string
	for _, test := range must {
		if result, known := results[test]; known && !result.Passed && slices.Contains(ran, test) {
			tests = append(tests, test)
		}
	}
	return tests
}
