// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package queue holds the pods that wait for a node, in the order in which they get their turn.
//
//	              Add                                Pop
//	(none) ─────────────────────────► active ───────────────────► in flight ──► Done
//	   │ gate closed                   ▲   ▲                         │
//	   ▼                               │   │ backoff over            │ Failed
//	 gated ────── gate open ───────────┘   │                         ▼
//	                                    backoff ◄── an event ── unschedulable
//	                                       ▲                         helps
//	                                       └──── Retry (an error) ── in flight
//
// A pod that no node can take is put aside until something happens that may change that: plugins that reject pods say
// which events these are (framework.HintPlugin). Events that happen while a pod is in flight are kept and looked at
// when it comes back, as its decision was made without them. As a safety net, nothing stays aside for longer than five
// minutes.
//
// Pods that come back wait a little, longer each time, so that one that never fits does not crowd out others. When
// nothing else is to be done, a pod that an event woke up need not sit its time out; one that failed with an error
// does.
package queue
