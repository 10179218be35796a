// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTheRatchetOnlyGrows(t *testing.T) {
	file := filepath.Join(t.TempDir(), "passing.txt")
	for _, results := range []map[string]Result{
		{pods: {Passed: true}, proxy: {}},
		{pods: {}, proxy: {Passed: true}, taints: {Passed: true, Flaky: "at first"}},
	} {
		must, err := readRatchet(file)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := growRatchet(file, must, results); err != nil {
			t.Fatal(err)
		}
	}
	got, err := readRatchet(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{proxy, pods}, got); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
}

func TestTheRatchetHolds(t *testing.T) {
	must := []string{pods, proxy}
	all := []string{pods, proxy, taints}
	for _, test := range []struct {
		name         string
		wanted, seen []string
		results      map[string]Result
		part         bool
		want         string
	}{
		{"all pass", all, all, map[string]Result{pods: {Passed: true}, proxy: {Passed: true}}, false, ""},
		{"one that never passed fails", all, all, map[string]Result{pods: {Passed: true}, proxy: {Passed: true}, taints: {}}, false, ""},
		{"one that passed fails", all, all, map[string]Result{pods: {}, proxy: {Passed: true}}, false, "1 tests that passed before fail now:\n" + pods},
		{"one that passed at the second try", all, all, map[string]Result{pods: {Passed: true, Flaky: "no"}, proxy: {Passed: true}}, false, ""},
		{"a failure of an earlier run does not count", []string{proxy}, []string{proxy}, map[string]Result{pods: {}, proxy: {Passed: true}}, false, ""},
		{"one was not run", all, []string{pods}, map[string]Result{pods: {Passed: true}}, false, "1 tests that passed before did not run:\n" + proxy},
		{"one was not run in a run that was cut off", all, []string{pods}, map[string]Result{pods: {Passed: true}}, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := ""
			if err := checkRatchet(must, test.wanted, test.seen, test.results, test.part); err != nil {
				got = err.Error()
			}
			if strings.TrimSpace(got) != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
