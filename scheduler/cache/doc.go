// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cache is the scheduler's only mutable picture of the cluster: which nodes there are, what they offer, which
// pods sit on them and which pods have been promised a place (assumed) before the API server confirmed it.
//
// There are two halves. [Cache] is fed by informers and by the scheduler itself, from any goroutine; it keeps one row
// of sums per node and remembers which rows changed. [Snapshot] is what plugins read: the same facts turned into
// columns (arrays indexed by node number, bitsets for labels), owned by the one goroutine that decides.
// [Cache.Update] carries changed rows, and only those, into a snapshot and notes their numbers in the snapshot's log,
// so that whoever keeps results per node (package class) repairs just those nodes.
//
// Node numbers are small, dense and reused after a node is gone; names are for people and for the API.
package cache
