// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

// readRatchet reads the tests that must pass when they run. A file that is not there yet demands nothing.
func readRatchet(file string) ([]string, error) {
	must, err := readTests(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return must, err
}

// growRatchet adds the tests that pass now. None is ever taken out here, and one that passed at the second try only is
// not added: it would fail somebody else's run.
func growRatchet(file string, must []string, results map[string]Result) ([]string, error) {
	all := slices.Clone(must)
	for test, result := range results {
		if result.Passed && result.Flaky == "" {
			all = append(all, test)
		}
	}
	slices.Sort(all)
	all = slices.Compact(all)
	return all, writeWhole(file, []byte(strings.Join(all, "\n")+"\n"))
}

// checkRatchet fails when a test of the ratchet was seen to fail, and when one that was wanted was not seen at all,
// unless the run is a part anyway.
func checkRatchet(must, wanted, seen []string, results map[string]Result, part bool) error {
	var broken, missing []string
	for _, test := range must {
		switch {
		case slices.Contains(seen, test):
			if !results[test].Passed {
				broken = append(broken, test)
			}
		case slices.Contains(wanted, test):
			missing = append(missing, test)
		}
	}
	var all []error
	if len(broken) > 0 {
		all = append(all, fmt.Errorf("%d tests that passed before fail now:\n%s", len(broken), strings.Join(broken, "\n")))
	}
	if len(missing) > 0 && !part {
		all = append(all, fmt.Errorf("%d tests that passed before did not run:\n%s", len(missing), strings.Join(missing, "\n")))
	}
	return errors.Join(all...)
}
