// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"context"
	"regexp"

	"coxswain.dev/coxswain/test/bench/report"
)

// Scenario is work that both sides do, and the rows that come out of it.
type Scenario struct {
	// Name chooses the scenario, as do the names of its rows.
	Name string
	// Rows in the order of the table.
	Rows []Row
	// Prepare, when there is one, fills Run.Shared once, before the first round.
	Prepare func(ctx context.Context, run Run) error
	// We and Peer do the work once. A scenario without a program to compare with has no Peer.
	We, Peer Side
	// PeerIs completes "The peer is …".
	PeerIs string
	// Needs are what must be there.
	Needs Needs
}

// Row is one figure of a scenario.
type Row struct {
	// Key is how the sides call it.
	Key string
	// Name is what the table calls it.
	Name, Unit string
	Better     report.Better
	Target     report.Target
	// Note is what a reader has to know in order not to be misled.
	Note string
	// Alone is a row of ours that the peer has no figure for.
	Alone bool
}

// Side does the work once.
type Side func(ctx context.Context, run Run) (Figures, error)

// Figures are by Row.Key.
type Figures map[string]float64

// Run is where a side works.
type Run struct {
	// Dir is empty and the side's own. Its path is short, since sockets go below it.
	Dir string
	// Shared is what Prepare has made, for both sides to copy from.
	Shared string
	// Coxswain is our binary, Peers the folder of the peers' programs, Images that of the sample images.
	Coxswain, Peers, Images string
}

// Needs of a scenario beyond Linux.
type Needs int

// Root is for containers, network namespaces and cgroups.
const Root Needs = 1

// Select are the scenarios of which the name or a row matches.
func Select(all []Scenario, expression *regexp.Regexp) []Scenario {
	var chosen []Scenario
	for _, s := range all {
		matches := expression.MatchString(s.Name)
		for _, row := range s.Rows {
			matches = matches || expression.MatchString(row.Name)
		}
		if matches {
			chosen = append(chosen, s)
		}
	}
	return chosen
}
