// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podgc

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/controllers/internal/pods"
)

// excess returns the ended pods beyond the threshold: evicted ones first, then the oldest.
func excess(all []corev1.Pod, threshold int) []*corev1.Pod {
	var ended []*corev1.Pod
	for i := range all {
		if pods.Terminal(&all[i]) && all[i].DeletionTimestamp == nil {
			ended = append(ended, &all[i])
		}
	}
	if len(ended) <= threshold {
		return nil
	}
	slices.SortFunc(ended, func(a, b *corev1.Pod) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)), a.CreationTimestamp.Compare(b.CreationTimestamp.Time),
			cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name),
		)
	})
	return ended[:len(ended)-threshold]
}

func rank(pod *corev1.Pod) int {
	if pod.Status.Phase == corev1.PodFailed && pod.Status.Reason == "Evicted" {
		return 0
	}
	return 1
}

// outOfService reports whether an operator has declared the node dead.
func outOfService(node *corev1.Node) bool {
	ready := slices.ContainsFunc(node.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	return !ready && slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == corev1.TaintNodeOutOfService })
}

// failed returns the status of a pod that ended because of what message says. Pods that ended before keep theirs.
func failed(pod *corev1.Pod, message string, now time.Time) corev1.PodStatus {
	status := *pod.Status.DeepCopy()
	if pods.Terminal(pod) {
		return status
	}
	status.Phase = corev1.PodFailed
	condition := corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, ObservedGeneration: pod.Generation,
		Reason: "DeletionByPodGC", Message: message, LastTransitionTime: metav1.NewTime(now),
	}
	at := slices.IndexFunc(status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.DisruptionTarget })
	switch {
	case at < 0:
		status.Conditions = append(status.Conditions, condition)
	case status.Conditions[at].Status != corev1.ConditionTrue:
		status.Conditions[at] = condition
	}
	return status
}
