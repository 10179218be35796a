// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package framework is the contract between the scheduler and its plugins.
//
// A plugin is a value with a name that implements the extension points it has something to say at: [PreEnqueuePlugin],
// [QueueSortPlugin], [FilterPlugin], [ScorePlugin], [BindPlugin], and [HintPlugin] for waking up pods that it rejected.
// To write one, make a folder scheduler/plugins/<name>, implement the interfaces, assert each with
// `var _ framework.FilterPlugin = (*Plugin)(nil)`, and add one line to plugins/plugins.go.
//
// Plugins see a [cache.Snapshot] and nothing else: no client, no clock, no lock. What sets them apart from
// kube-scheduler's is that a filter or score is prepared once for all pods of one shape and then asked about single
// nodes again and again, whenever one changes. A prepared [Check] or [Scorer] therefore reads the snapshot when it is
// asked, and keeps nothing about nodes from the time it was prepared.
//
// The shape of a pod is everything plugins look at; each plugin writes its part ([Shaper]). Two pods of a shape are
// interchangeable, which is what lets thousands of replicas share one evaluation of the cluster.
package framework
