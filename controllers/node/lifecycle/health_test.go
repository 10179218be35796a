// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A node is new the first time that it is seen, whether or not its lease came before.
func TestNewNodes(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	h := newHealth()
	h.lease(&coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Name: "a"},
		Spec:       coordinationv1.LeaseSpec{RenewTime: &metav1.MicroTime{Time: now}},
	}, now)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a"}}
	for i, want := range []bool{true, false} {
		if _, isNew := h.node(node, now); isNew != want {
			t.Errorf("sight %d: new is %v", i+1, isNew)
		}
	}
	h.forget("a")
	if _, isNew := h.node(node, now); !isNew {
		t.Error("a node that comes back is not new")
	}
}
