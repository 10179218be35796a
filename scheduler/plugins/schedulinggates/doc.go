// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package schedulinggates keeps pods with spec.schedulingGates out of the queue until the last gate is taken away.
package schedulinggates
