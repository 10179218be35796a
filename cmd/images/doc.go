// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package images is `coxswain images`: local images for the nodes of a cluster on this machine, without a registry. The
// work is done in internal/images; here are flags, the nodes of a cluster, and what the user is shown.
package images
