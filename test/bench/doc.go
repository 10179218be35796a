// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Command bench measures the built binary beside the programs of Kubernetes and etcd, prints one table and writes
// docs/benchmarks.md and docs/benchmarks.json. `make bench` builds what it needs and runs it.
//
//	report     medians, targets, table, data
//	machine    what it ran on
//	process    starting, stopping and looking at programs
//	cluster    control planes made of them
//	scenario   both sides in turns
//	scenarios  what is measured, a file a scenario
//
// A run of a part (BENCH='expression') prints its table and leaves the files alone: they are of one run and one build.
package main
