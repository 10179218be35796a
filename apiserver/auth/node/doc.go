// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package node decides what node agents may do: a node sees its own Node, Lease and pods, and only those secrets, config
// maps, claims and service accounts that a pod bound to it refers to.
//
// The graph from objects to nodes is an index over a pod informer whose objects are cut down to their references
// (references.go), so it costs a few dozen bytes a pod and a decision is one map access. Rules that hold for every node
// alike are the rules of the ClusterRole system:node.
package node
