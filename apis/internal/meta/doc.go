// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package meta holds the rules and table cells that kinds of several groups share: label selectors, numbers that may be
// percentages, references, lists in a table cell.
package meta
