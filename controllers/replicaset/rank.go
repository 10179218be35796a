// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	"cmp"
	"math/bits"
	"slices"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/controllers/internal/pods"
)

// rank sorts candidates so that those to be deleted first come first, as Kubernetes documents it for ReplicaSets:
// pods without a node, then pending ones, then those not ready, then those with the lower
// controller.kubernetes.io/pod-deletion-cost, then those on the node with more related pods, then those ready for a
// shorter time, then those with more restarts, then the younger ones. Times are compared by their order of magnitude
// only, so that among pods of about one age the victims are spread by UID and not always the newest.
func rank(candidates, related []*corev1.Pod) {
	onNode := map[string]int{}
	for _, pod := range related {
		if pods.Active(pod) {
			onNode[pod.Spec.NodeName]++
		}
	}
	now := newest(candidates)
	slices.SortStableFunc(candidates, func(a, b *corev1.Pod) int {
		return cmp.Or(
			trueFirst(a.Spec.NodeName == "", b.Spec.NodeName == ""),
			cmp.Compare(phaseOrder(a), phaseOrder(b)),
			trueFirst(!pods.Ready(a), !pods.Ready(b)),
			cmp.Compare(deletionCost(a), deletionCost(b)),
			cmp.Compare(onNode[b.Spec.NodeName], onNode[a.Spec.NodeName]),
			cmp.Compare(magnitude(now, readySince(a)), magnitude(now, readySince(b))),
			cmp.Compare(pods.Restarts(b), pods.Restarts(a)),
			cmp.Compare(magnitude(now, a.CreationTimestamp.Time), magnitude(now, b.CreationTimestamp.Time)),
			cmp.Compare(a.UID, b.UID),
		)
	})
}

// newest is the moment that ages are counted from: the latest time that any candidate knows of. It keeps rank pure.
func newest(candidates []*corev1.Pod) time.Time {
	var latest time.Time
	for _, pod := range candidates {
		for _, t := range []time.Time{pod.CreationTimestamp.Time, readySince(pod)} {
			if t.After(latest) {
				latest = t
			}
		}
	}
	return latest
}

func trueFirst(a, b bool) int {
	switch {
	case a && !b:
		return -1
	case !a && b:
		return 1
	}
	return 0
}

func phaseOrder(pod *corev1.Pod) int {
	switch pod.Status.Phase {
	case corev1.PodPending:
		return 0
	case corev1.PodUnknown:
		return 1
	}
	return 2
}

// deletionCost is zero for annotations that are no number: the API server accepted them before it checked.
func deletionCost(pod *corev1.Pod) int64 {
	cost, err := strconv.ParseInt(pod.Annotations[corev1.PodDeletionCost], 10, 32)
	if err != nil {
		return 0
	}
	return cost
}

func readySince(pod *corev1.Pod) time.Time {
	if condition := pods.Condition(pod, corev1.PodReady); condition != nil && condition.Status == corev1.ConditionTrue {
		return condition.LastTransitionTime.Time
	}
	return time.Time{}
}

// magnitude is the binary logarithm of the age in seconds; no time at all counts as the youngest.
func magnitude(now, since time.Time) int {
	if since.IsZero() {
		return -1
	}
	return bits.Len64(uint64(max(0, now.Sub(since)) / time.Second))
}
