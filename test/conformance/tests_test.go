// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

const (
	pods   = "[sig-node] Pods should (really) run [Conformance]"
	proxy  = "[sig-network] Proxy should answer [Conformance]"
	taints = "[sig-node] Taints should evict [Serial] [Conformance]"
)

func TestExactlyMatchesTheTestsAndNoLongerOnes(t *testing.T) {
	focus := regexp.MustCompile(exactly([]string{pods, proxy}))
	for text, want := range map[string]bool{
		"Kubernetes e2e suite " + pods:                  true,
		"Kubernetes e2e suite " + proxy:                 true,
		"Kubernetes e2e suite " + taints:                false,
		"Kubernetes e2e suite " + pods + " [Slow]":      false,
		"Kubernetes e2e suite [sig-node] other " + pods: false,
	} {
		if got := focus.MatchString(text); got != want {
			t.Errorf("%q: matched is %v, want %v", text, got, want)
		}
	}
}

func TestTheListOfTheSuiteIsWhole(t *testing.T) {
	for _, file := range []string{"conformance-1.37.txt", "passing.txt", "quick.txt"} {
		tests, err := readTests(filepath.Join("..", "..", "hack", "conformance", file))
		if err != nil {
			t.Fatal(err)
		}
		if file == "conformance-1.37.txt" && len(tests) != 462 {
			t.Errorf("%s has %d tests, want 462", file, len(tests))
		}
		if file == "quick.txt" && len(tests) > 100 { // it has to stay quick: 60 take a minute or two on two nodes
			t.Errorf("%s has %d tests, want at most 100", file, len(tests))
		}
		if all, err := readTests(filepath.Join("..", "..", "hack", "conformance", "conformance-1.37.txt")); err != nil || len(without(tests, all)) > 0 {
			t.Errorf("%s names tests that the suite does not have: %q, %v", file, without(tests, all), err)
		}
		sorted := slices.Sorted(slices.Values(tests))
		if len(slices.Compact(sorted)) != len(tests) {
			t.Errorf("%s names a test twice", file)
		}
	}
}
