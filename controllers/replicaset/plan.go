// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/controllers/internal/pods"
)

// burst is how many pods one pass creates or deletes at most.
const burst = 500

// plan is what one pass does to pods.
type plan struct {
	create int
	delete []*corev1.Pod
}

// makePlan compares the active pods with the number wanted. A set that is being deleted gets no more pods and loses
// none: that is the garbage collector's work.
func makePlan(s seen) plan {
	if s.set.DeletionTimestamp != nil {
		return plan{}
	}
	active := active(s.pods)
	switch difference := int(wanted(s.set)) - len(active); {
	case difference > 0:
		return plan{create: min(difference, burst)}
	case difference < 0:
		excess := min(-difference, burst)
		if excess < len(active) { // otherwise all go, in whatever order
			rank(active, s.related)
		}
		return plan{delete: active[:excess]}
	}
	return plan{}
}

func wanted(set *appsv1.ReplicaSet) int32 { return ptr.Deref(set.Spec.Replicas, 1) }

// adoptable: pods that have ended are not taken over, since they would count for nothing.
func adoptable(pod *corev1.Pod) bool { return pods.Active(pod) }

func active(all []*corev1.Pod) []*corev1.Pod {
	var found []*corev1.Pod
	for _, pod := range all {
		if pods.Active(pod) {
			found = append(found, pod)
		}
	}
	return found
}

func countActive(all []*corev1.Pod) int {
	count := 0
	for _, pod := range all {
		if pods.Active(pod) {
			count++
		}
	}
	return count
}
