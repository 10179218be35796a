// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package process runs the programs under measurement: each dies with the benchmark however that ends, is stopped by its
// process id and awaited, and tells what memory and processor time it used.
package process
