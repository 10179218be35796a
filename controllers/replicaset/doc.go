// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package replicaset keeps as many pods of each ReplicaSet alive as its spec asks for.
//
// It owns the pods that refer to a ReplicaSet as their controller, those references themselves (pods that match the
// selector are adopted, others released), and the status of ReplicaSets. It never changes the spec of either.
//
// What always holds: pods are only created or deleted when the cache has shown the effect of all earlier creations and
// deletions for the same set (expectations), so that a lagging cache can't lead to too many or too few; and at most
// burst pods are created or deleted in one pass.
package replicaset
