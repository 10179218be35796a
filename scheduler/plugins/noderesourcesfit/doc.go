// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package noderesourcesfit keeps pods off nodes that lack what they request, and scores nodes by how full they would be:
// emptier ones first (LeastAllocated), fuller ones first (MostAllocated), or along a curve (RequestedToCapacityRatio).
package noderesourcesfit
