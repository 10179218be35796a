// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package eviction

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// noExecute returns those of the taints that evict.
func noExecute(node *corev1.Node) []corev1.Taint {
	var found []corev1.Taint
	for _, taint := range node.Spec.Taints {
		if taint.Effect == corev1.TaintEffectNoExecute {
			found = append(found, taint)
		}
	}
	return found
}

// deadline returns when the pod has to leave a node with these taints; never is true when it may stay. A taint's time
// starts when it was added or, for pods that came later, when the pod was made.
func deadline(pod *corev1.Pod, taints []corev1.Taint) (at time.Time, never bool) {
	never = true
	for i := range taints {
		limit, tolerated, forever := tolerance(pod.Spec.Tolerations, &taints[i])
		if !tolerated {
			return time.Time{}, false
		}
		if forever {
			continue
		}
		start := pod.CreationTimestamp.Time
		if added := taints[i].TimeAdded; added != nil && added.After(start) {
			start = added.Time
		}
		if end := start.Add(limit); never || end.Before(at) {
			at, never = end, false
		}
	}
	return at, never
}

// tolerance finds how long a taint is tolerated: the shortest of all tolerations that match it.
func tolerance(tolerations []corev1.Toleration, taint *corev1.Taint) (limit time.Duration, tolerated, forever bool) {
	forever = true
	for i := range tolerations {
		if !matches(&tolerations[i], taint) {
			continue
		}
		tolerated = true
		if seconds := tolerations[i].TolerationSeconds; seconds != nil {
			if d := time.Duration(max(0, *seconds)) * time.Second; forever || d < limit {
				limit, forever = d, false
			}
		}
	}
	return limit, tolerated, forever
}

// matches reports whether the toleration is for the taint. An empty key with Exists is for every taint.
func matches(toleration *corev1.Toleration, taint *corev1.Taint) bool {
	if toleration.Effect != "" && toleration.Effect != taint.Effect {
		return false
	}
	if toleration.Key != "" && toleration.Key != taint.Key {
		return false
	}
	switch toleration.Operator {
	case corev1.TolerationOpExists:
		return true
	case "", corev1.TolerationOpEqual:
		return toleration.Value == taint.Value && toleration.Key != ""
	}
	return false
}
