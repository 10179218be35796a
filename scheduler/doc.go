// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scheduler finds a node for every pod that has none, as kube-scheduler does and in its words.
//
// One loop (cycle.go) takes pods from the queue one at a time, decides about each on a snapshot of the cluster, and hands
// the decision to goroutines that carry it out (bind.go); what the decision promises is counted at once (assumed) and
// taken back should binding fail. Informers feed cache and queue (feed.go). What is scarce is decided about once for all
// pods of one shape (package class).
//
// Where to look:
//
//	cycle.go      one decision in numbered steps
//	bind.go       carrying it out, undoing it
//	failure.go    telling the pod's owner why not: condition, event, and the wording in message.go
//	feed.go       what changes in the cluster, on its way to cache and queue
//	profiles.go   which policy a pod gets: from the configuration file, or live from SchedulerProfile objects (live.go)
//	explain.go    why the last decisions came out as they did
//	cache/ class/ queue/ framework/ plugins/ profile/   the parts; each has its own story in doc.go
//
// Randomness and time are given by Config. Nothing is global but metrics.
package scheduler
