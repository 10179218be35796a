// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"strings"
	"testing"
	"time"
)

func TestCPUTime(t *testing.T) {
	after := " S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0"
	for name, c := range map[string]struct {
		stat string
		want time.Duration
		bad  bool
	}{
		"user and system time together":        {stat: "12 (etcd)" + after, want: 1750 * time.Millisecond},
		"a name with spaces and parentheses":   {stat: "12 (a) 1 (b c)" + after, want: 1750 * time.Millisecond},
		"a line that is too short is an error": {stat: "12 (etcd) S 1 2", bad: true},
		"a time that is no number is an error": {stat: strings.Replace("12 (etcd)"+after, "150", "x", 1), bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := cpuTime(c.stat)
			if (err != nil) != c.bad || !c.bad && got != c.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestKilobytes(t *testing.T) {
	const rollup = "00400000-7fff ---p 00000000 00:00 0  [rollup]\nRss:    2048 kB\nPss:    1024 kB\nPss_Anon:  512 kB\n"
	for name, c := range map[string]struct {
		line string
		want int64
		bad  bool
	}{
		"the share":                {line: "Pss:", want: 1 << 20},
		"the whole":                {line: "Rss:", want: 2 << 20},
		"a line that is not there": {line: "Swap:", bad: true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := kilobytes(rollup, c.line)
			if (err != nil) != c.bad || got != c.want {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}
