// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import corev1 "k8s.io/api/core/v1"

// TaintID numbers a taint by key, value and effect. The time a taint was added does not matter to scheduling.
type TaintID int32

// Taints is the table of taints and the list that each node carries, in the node's order: the first one that a pod
// does not tolerate is the one it is told about.
type Taints struct {
	ids   map[taintKey]TaintID
	table []corev1.Taint
	nodes [][]TaintID
}

type taintKey struct {
	key, value string
	effect     corev1.TaintEffect
}

func (t *Taints) init() { t.ids = map[taintKey]TaintID{} }

// Of returns the taints of node n.
func (t *Taints) Of(n int32) []TaintID {
	if int(n) >= len(t.nodes) {
		return nil
	}
	return t.nodes[n]
}

// Taint returns the taint behind a number.
func (t *Taints) Taint(id TaintID) *corev1.Taint { return &t.table[id] }

// Count is one more than the largest number given out.
func (t *Taints) Count() int { return len(t.table) }

func (t *Taints) set(n int32, taints []corev1.Taint) {
	for int(n) >= len(t.nodes) {
		t.nodes = append(t.nodes, nil)
	}
	t.nodes[n] = nil
	for i := range taints {
		key := taintKey{taints[i].Key, taints[i].Value, taints[i].Effect}
		id, ok := t.ids[key]
		if !ok {
			id = TaintID(len(t.table))
			t.ids[key] = id
			t.table = append(t.table, corev1.Taint{Key: key.key, Value: key.value, Effect: key.effect})
		}
		t.nodes[n] = append(t.nodes[n], id)
	}
}
