// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package node decides what node agents may do: a node sees its own Node, Lease and pods, and only those secrets, config
// maps, claims, volumes and service accounts that a pod bound to it refers to. docs/security.md lists the rules.
//
// References (references.go) is the one list of what a pod refers to; NodeRestriction uses it as well. The graph from
// objects to nodes is an index over a pod informer whose objects are cut down to it, so it costs a few dozen bytes a pod and
// a decision is one map access. Objects that say themselves to whom they belong (volumes, attachments, slices, certificate
// requests) are read at each decision and not kept. Rules that hold for every node alike are the rules of the ClusterRole
// system:node.
package node
