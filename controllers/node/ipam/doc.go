// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package ipam gives every node a block of pod addresses out of the cluster's ranges, as spec.podCIDR and podCIDRs.
//
// It owns these two fields of nodes that have none yet; what a node has it keeps. No two nodes get overlapping blocks:
// the blocks of all nodes are taken in before the first is handed out, and a block is handed out again only after its
// node is gone.
package ipam
