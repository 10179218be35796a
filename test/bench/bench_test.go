// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"coxswain.dev/coxswain/test/bench/scenario"
	"coxswain.dev/coxswain/test/bench/scenarios"
	"coxswain.dev/coxswain/test/env"
)

// BenchmarkStartup is our side of the scenarios about starting and being idle, without the peers, for a quick look:
// `go test ./test/bench -bench Startup`. The figures are medians of 5.
func BenchmarkStartup(b *testing.B) {
	binary, err := env.Binary()
	if err != nil {
		b.Fatal(err)
	}
	for _, s := range scenario.Select(scenarios.All(), regexp.MustCompile("^(start|start-apiserver|node|idle-plane|idle-all)$")) {
		s.Peer, s.PeerIs = nil, ""
		b.Run(s.Name, func(b *testing.B) {
			if err := possible(s); err != nil {
				b.Skip(err)
			}
			dir, err := os.MkdirTemp("", "coxb") // b.TempDir is too long for sockets
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				if err := os.Remove(dir); err != nil {
					b.Error(err)
				}
			})
			config := scenario.Config{
				Run:    scenario.Run{Dir: dir, Coxswain: binary, Images: filepath.Join(env.Root(), "bin", "images")},
				Rounds: 5, Limit: limit, Progress: b.Output(),
			}
			for b.Loop() {
				rows, err := scenario.Measure(b.Context(), s, config)
				if err != nil {
					b.Fatal(err)
				}
				for _, row := range rows {
					b.ReportMetric(*row.We, metric(row.Name, row.Unit))
				}
			}
			b.ReportMetric(0, "ns/op") // the figures above are what counts
		})
	}
}

// metric is the name of a figure as benchmarks write it: without spaces.
func metric(name, unit string) string {
	return strings.Join(strings.Fields(name+", "+unit), "-")
}
