// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package flowcontrol keeps one flow of requests from taking every seat of its priority level, and clients that do not
// read from holding the library's lock.
//
// The library's priority and fairness (KEP-1040) decides whose turn it is when a seat becomes free. That is no help
// against a client that takes all seats of a level and gives none back, because it does not read its answers: the others
// of the level wait for a seat that never comes. So a level here does not hand its last seats to those that have most.
// The rule is that of buffers in network switches (dynamic thresholds): a flow that has a seat gets another only as long
// as it would then hold no more than are left free. One greedy flow ends with half of a level, the next with a quarter,
// and there is a seat for a flow that has none.
//
// A flow is what the FlowSchema makes of it: its distinguisher method tells users or namespaces apart. Requests beyond
// the rule wait in their flow's own line before they get to the library's queues, and count as waiting in metrics,
// debugging endpoints and in what the level borrows by. As many may wait as the flow's queues would hold. Levels without
// queues, the exempt level among them, are left alone.
package flowcontrol
