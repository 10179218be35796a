// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package machine

import "testing"

func TestBusy(t *testing.T) {
	for name, c := range map[string]struct {
		before, after string
		want          float64
		bad           bool
	}{
		"nobody works":                    {before: "cpu 1 1 1 100 0 0 0 0 0 0\ncpu0 1", after: "cpu 1 1 1 200 0 0 0 0 0 0\n", want: 0},
		"everybody works":                 {before: "cpu 0 0 0 0 0 0 0 0 0 0", after: "cpu 50 10 40 0 0 0 0 0 0 0", want: 1},
		"waiting for a disk is no work":   {before: "cpu 0 0 0 0 0 0 0 0", after: "cpu 25 0 0 25 50 0 0 0", want: 0.25},
		"what the host took is used":      {before: "cpu 0 0 0 0 0 0 0 0", after: "cpu 0 0 0 50 0 0 0 50", want: 0.5},
		"no time between is nothing used": {before: "cpu 1 1 1 1 1 1 1 1", after: "cpu 1 1 1 1 1 1 1 1", want: 0},
		"another line is an error":        {before: "cpu0 1 1 1 1 1 1 1 1", after: "cpu 1 1 1 1 1 1 1 1", bad: true},
		"a short line is an error":        {before: "cpu 1 1 1 1 1 1 1 1", after: "cpu 1 1", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := busy(c.before, c.after)
			if (err != nil) != c.bad || got != c.want {
				t.Errorf("got %v, %v; want %v", got, err, c.want)
			}
		})
	}
}
