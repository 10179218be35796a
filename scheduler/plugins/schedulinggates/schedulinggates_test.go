// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package schedulinggates

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestGatesHoldPodsBack(t *testing.T) {
	pod := &corev1.Pod{}
	if r := (&Plugin{}).PreEnqueue(pod); r != nil {
		t.Errorf("a pod without gates is held back: %v", r.Reasons)
	}
	pod.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "a"}, {Name: "b"}}
	r := (&Plugin{}).PreEnqueue(pod)
	if r == nil {
		t.Fatal("a pod with gates is let through")
	}
	if diff := cmp.Diff([]string{"waiting for scheduling gates: [a b]"}, r.Reasons); diff != "" {
		t.Error(diff)
	}
}
