// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodeaffinity keeps pods on nodes that their node selector and required node affinity match, and prefers nodes
// that more of their preferred terms match. Terms are compiled to look bits up in the snapshot's index of labels.
package nodeaffinity
