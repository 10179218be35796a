// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package imagelocality prefers nodes that have the pod's images already, the more so the larger they are, but less
// for images that only few nodes have, so that those nodes are not flooded.
package imagelocality
