// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package prioritysort orders waiting pods by priority, and those of one priority by how long they have waited.
package prioritysort
