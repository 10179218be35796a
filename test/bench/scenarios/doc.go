// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scenarios is what is measured: a file a scenario, all of them in the list of all.go. To add a row, copy the
// scenario that is closest, say what both sides do, and add it to the list; docs/benchmarks.md follows from `make bench`.
//
// What must hold: both sides do the same work and are asked in the same way; where something is in favour of one of them,
// it is in the peer's, and the row's note says so.
package scenarios
