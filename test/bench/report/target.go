// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package report

import "fmt"

// Target is what the design asks of a row; the zero value asks for nothing.
type Target struct {
	limit   float64
	atLeast bool
	ofRatio bool
	set     bool
}

// AtMost asks that our figure is no more than limit.
func AtMost(limit float64) Target { return Target{limit: limit, set: true} }

// RatioAtMost asks that our figure is no more than limit times the peer's.
func RatioAtMost(limit float64) Target { return Target{limit: limit, ofRatio: true, set: true} }

// RatioAtLeast asks that our figure is at least limit times the peer's.
func RatioAtLeast(limit float64) Target {
	return Target{limit: limit, atLeast: true, ofRatio: true, set: true}
}

func (t Target) text(unit string) string {
	if !t.set {
		return ""
	}
	sign := "≤"
	if t.atLeast {
		sign = "≥"
	}
	if t.ofRatio {
		unit = "×"
	}
	return fmt.Sprintf("%s %v %s", sign, t.limit, unit)
}

// met is nil when there is no target, or when what it is about was not measured: that is neither a success nor a miss.
func (t Target) met(we, ratio *float64) *bool {
	value := we
	if t.ofRatio {
		value = ratio
	}
	if !t.set || value == nil {
		return nil
	}
	met := *value <= t.limit
	if t.atLeast {
		met = *value >= t.limit
	}
	return &met
}
