// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lifecycle judges the health of nodes and taints them accordingly.
//
// It owns the conditions of nodes that have fallen silent (set to Unknown), the node.kubernetes.io taints that follow
// from conditions and from spec.unschedulable, and the Ready condition of pods on nodes that it has declared silent.
//
//	heartbeats (node status, lease) ──► silent for the grace period? ──► conditions Unknown, pods not ready
//	conditions, unschedulable ──► NoSchedule taints, at once
//	Ready not true ──► NoExecute taint, at the eviction rate of the zone
//
// Each node is looked at when its object changes and when its grace period would end without a heartbeat; a lease
// renewal only notes the time. Rates are per zone; when many nodes of a zone are gone at once it slows down, and when all
// nodes of all zones are gone it evicts nothing, since then the fault is more likely ours.
package lifecycle
