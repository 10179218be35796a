// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package balancedallocation prefers nodes that would have their resources used up evenly, so that no node is left with
// memory but without CPU to go with it.
package balancedallocation
