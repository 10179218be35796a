// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
)

// health remembers when each node was last heard of, by our own clock: clocks of nodes may be wrong, so a heartbeat
// counts from when it was seen to have moved. It is safe for concurrent use.
type health struct {
	mu sync.Mutex
	// records is guarded by mu.
	records map[string]*life
}

type life struct {
	met       bool // the node itself was seen, not just its lease
	heard     time.Time
	heartbeat time.Time // of the Ready condition
	renewal   time.Time // of the lease
	// unmarked is set while pods of a silent node may still look ready.
	unmarked bool
}

func newHealth() *health { return &health{records: map[string]*life{}} }

// of returns the record of a node, made on first sight; mu must be held.
func (h *health) of(name string, now time.Time) *life {
	r := h.records[name]
	if r == nil {
		r = &life{heard: now}
		h.records[name] = r
	}
	return r
}

// node takes in the heartbeat of a node's status. It returns when the node was last heard of, and whether it is new.
func (h *health) node(node *corev1.Node, now time.Time) (heard time.Time, isNew bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.of(node.Name, now)
	isNew, r.met = !r.met, true
	if ready := condition(node, corev1.NodeReady); ready != nil && ready.Reason != reasonSilent && ready.LastHeartbeatTime.After(r.heartbeat) {
		r.heartbeat, r.heard = ready.LastHeartbeatTime.Time, now
	}
	return r.heard, isNew
}

// lease takes in a renewal.
func (h *health) lease(lease *coordinationv1.Lease, now time.Time) {
	if lease.Spec.RenewTime == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.of(lease.Name, now); lease.Spec.RenewTime.After(r.renewal) {
		r.renewal, r.heard = lease.Spec.RenewTime.Time, now
	}
}

// forget drops a node and reports whether it was known.
func (h *health) forget(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, known := h.records[name]
	delete(h.records, name)
	return known
}

// setUnmarked notes whether pods of the node still have to be marked.
func (h *health) setUnmarked(name string, unmarked bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.records[name]; r != nil {
		r.unmarked = unmarked
	}
}

func (h *health) isUnmarked(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.records[name]
	return r != nil && r.unmarked
}

func condition(node *corev1.Node, kind corev1.NodeConditionType) *corev1.NodeCondition {
	for i := range node.Status.Conditions {
		if node.Status.Conditions[i].Type == kind {
			return &node.Status.Conditions[i]
		}
	}
	return nil
}
