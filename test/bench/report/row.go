// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import (
	"math"
	"slices"
)

// Row is one line of the table, and one object of docs/benchmarks.json. Fields that are null were not measured or do
// not apply; the names of the first seven are a promise to tools.
type Row struct {
	// Name says what was measured.
	Name string `json:"name"`
	// Unit is that of we and peer.
	Unit string `json:"unit"`
	// We and Peer are medians.
	We   *float64 `json:"we"`
	Peer *float64 `json:"peer"`
	// Ratio is we divided by peer, whichever direction is better.
	Ratio *float64 `json:"ratio"`
	// Target is what the design asks for, in words: "≤ 0.8 s" is about we, "≥ 1.2 ×" about the ratio; empty without one.
	Target string `json:"target"`
	// Met is whether the target was reached.
	Met *bool `json:"met"`

	// Better is "lower" or "higher".
	Better string `json:"better"`
	// PeerIs names what we are compared with.
	PeerIs string `json:"peerIs,omitempty"`
	// WeRuns and PeerRuns are the figures behind the medians, in the order in which they were measured.
	WeRuns   []float64 `json:"weRuns"`
	PeerRuns []float64 `json:"peerRuns"`
	// Note says what a reader has to know in order not to be misled.
	Note string `json:"note,omitempty"`
	// Commit is the build that was measured.
	Commit string `json:"commit"`
}

// Question is a row before anything was measured.
type Question struct {
	Name, Unit, Note, PeerIs string
	Better                   Better
	Target                   Target
}

// Answer makes the row of a question from the figures of both sides; either may be empty.
func (q Question) Answer(we, peer []float64, commit string) Row {
	row := Row{
		Name: q.Name, Unit: q.Unit, Note: q.Note, PeerIs: q.PeerIs, Better: string(q.Better), Commit: commit,
		We: median(we), Peer: median(peer), WeRuns: rounded(we), PeerRuns: rounded(peer),
		Target: q.Target.text(q.Unit),
	}
	if row.We != nil && row.Peer != nil && *row.Peer != 0 {
		ratio := round(*row.We / *row.Peer)
		row.Ratio = &ratio
	}
	row.Met = q.Target.met(row.We, row.Ratio)
	return row
}

// Better is the direction in which a figure improves.
type Better string

const (
	Lower  Better = "lower"
	Higher Better = "higher"
)

// median is nil of nothing. It leaves values as they are.
func median(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	m := sorted[middle]
	if len(sorted)%2 == 0 {
		m = (sorted[middle-1] + sorted[middle]) / 2
	}
	m = round(m)
	return &m
}

// round keeps four digits: more would be noise, and makes every run of the same speed a new file.
func round(value float64) float64 {
	if value == 0 || math.IsInf(value, 0) || math.IsNaN(value) {
		return value
	}
	scale := math.Pow(10, 3-math.Floor(math.Log10(math.Abs(value))))
	return math.Round(value*scale) / scale
}

func rounded(values []float64) []float64 {
	out := make([]float64, 0, len(values)) // never nil, since tools expect a list
	for _, value := range values {
		out = append(out, round(value))
	}
	return out
}
