// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheLongestGoFirstAndThoseThatDisturbLast(t *testing.T) {
	const drain = "[sig-node] Drain should hurt [Disruptive] [Conformance]"
	past := took{proxy: time.Minute, drain: time.Hour, taints: time.Second}
	parallel, serial := order([]string{drain, pods, taints, proxy, "new"}, past)
	if diff := cmp.Diff([]string{proxy, pods, "new"}, parallel); diff != "" {
		t.Errorf("beside others (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{taints, drain}, serial); diff != "" {
		t.Errorf("alone (-want +got):\n%s", diff)
	}
}

func TestBatchSize(t *testing.T) {
	tests := []string{"a", "b", "c", "d"}
	seconds := func(each ...int) took {
		past := took{}
		for i, s := range each {
			past[tests[i]] = time.Duration(s) * time.Second
		}
		return past
	}
	for _, test := range []struct {
		name          string
		past          took
		most, workers int
		want          int
	}{
		{"a long test is alone", seconds(500, 1, 1, 1), 10, 1, 1},
		{"as many as fit the time", seconds(30, 30, 30, 30), 10, 1, 3},
		{"no more than are allowed", seconds(1, 1, 1, 1), 2, 1, 2},
		{"the others get a share at the end", seconds(1, 1, 1, 1), 10, 3, 2},
		{"everything", seconds(1, 1, 1, 1), 10, 1, 4},
		{"more workers than tests", seconds(1, 1, 1, 1), 10, 9, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := batchSize(tests, test.past, test.most, test.workers, 90*time.Second); got != test.want {
				t.Errorf("got %d, want %d", got, test.want)
			}
		})
	}
}

func TestEstimate(t *testing.T) {
	past := took{"long": time.Hour, "short": time.Minute}
	for _, test := range []struct {
		name             string
		parallel, serial []string
		workers          int
		want             time.Duration
	}{
		{"nothing", nil, nil, 2, 0},
		{"one after the other", nil, []string{"short", "short"}, 4, 2*time.Minute + 2*time.Second},
		{"side by side", []string{"short", "short"}, nil, 2, time.Minute + time.Second},
		{"no shorter than the longest", []string{"long", "short"}, nil, 4, time.Hour},
		{"an unknown one", nil, []string{"?"}, 1, usual + 2*time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := estimate(test.parallel, test.serial, past, test.workers, 10); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
