// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package requests knows what certificate signing requests ask for: which are for node agents, and which conditions they
// have. All functions are pure.
package requests
