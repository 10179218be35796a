// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// Rule V3 of docs/security.md.
func TestNominatedNode(t *testing.T) {
	nominated := func(name string, more func(*corev1.Pod)) func(*corev1.Pod) {
		return func(p *corev1.Pod) { more(p); p.Status.NominatedNodeName = name }
	}
	no := []string{"status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node"}
	for _, tc := range []updateCase{
		{"a pod of no node", none, nominated("n1", none), nil},
		{"another node", nominated("n1", none), nominated("n2", none), nil},
		{"a bound pod keeps what it has", nominated("n1", bound), nominated("n1", bound), nil},
		{"or loses it", nominated("n1", bound), bound, nil},
		{"a bound pod", bound, nominated("n1", bound), no},
		{"a bound pod to another", nominated("n1", bound), nominated("n2", bound), no},
	} {
		t.Run(tc.name, func(t *testing.T) { compare(t, ValidateStatusUpdate(newPod(tc.change), newPod(tc.old)), tc.want) })
	}
}

// A writer that does not know of claims does not take them away.
func TestStatusesOfClaimsAreKept(t *testing.T) {
	claims := corev1.PodStatus{
		ResourceClaimStatuses:                []corev1.PodResourceClaimStatus{{Name: "a"}},
		ExtendedResourceClaimStatus:          &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: "b"},
		NodeAllocatableResourceClaimStatuses: []corev1.NodeAllocatableResourceClaimStatus{{ResourceClaimName: "c"}},
	}
	old, pod := newPod(), newPod()
	old.Status = *claims.DeepCopy()
	PrepareStatusUpdate(pod, old)
	if diff := cmp.Diff(claims, pod.Status); diff != "" {
		t.Errorf("left out (-want +got):\n%s", diff)
	}
	pod.Status.ResourceClaimStatuses = []corev1.PodResourceClaimStatus{}
	PrepareStatusUpdate(pod, old)
	if len(pod.Status.ResourceClaimStatuses) != 0 {
		t.Errorf("an empty list leaves %v", pod.Status.ResourceClaimStatuses)
	}
}
