// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package repo holds the tree to its own conventions: headers, package comments, the fences between components, lists
// that must name every folder, and a reason for every direct dependency.
package repo
