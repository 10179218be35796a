// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package report turns figures into what people and tools read: medians with their spread, targets met or not, one
// table, and the same as data. It is pure but for Write, which replaces its files whole or not at all.
package report
