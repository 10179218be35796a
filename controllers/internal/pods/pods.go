// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Condition returns the condition of that type, or nil.
func Condition(pod *corev1.Pod, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range pod.Status.Conditions {
		if pod.Status.Conditions[i].Type == kind {
			return &pod.Status.Conditions[i]
		}
	}
	return nil
}

// Ready reports whether the pod's Ready condition is true.
func Ready(pod *corev1.Pod) bool {
	condition := Condition(pod, corev1.PodReady)
	return condition != nil && condition.Status == corev1.ConditionTrue
}

// Terminal reports whether the pod has ended for good.
func Terminal(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// Active reports whether the pod has neither ended nor been told to.
func Active(pod *corev1.Pod) bool {
	return !Terminal(pod) && pod.DeletionTimestamp == nil
}

// Terminating reports whether the pod has been told to end and has not yet done so.
func Terminating(pod *corev1.Pod) bool {
	return !Terminal(pod) && pod.DeletionTimestamp != nil
}

// Available reports whether the pod has been ready for minReady. When it is ready but not for long enough, wait says
// how much is missing.
func Available(pod *corev1.Pod, minReady time.Duration, now time.Time) (available bool, wait time.Duration) {
	condition := Condition(pod, corev1.PodReady)
	if condition == nil || condition.Status != corev1.ConditionTrue {
		return false, 0
	}
	if minReady <= 0 {
		return true, 0
	}
	if condition.LastTransitionTime.IsZero() {
		return false, minReady
	}
	if missing := minReady - now.Sub(condition.LastTransitionTime.Time); missing > 0 {
		return false, missing
	}
	return true, 0
}

// Restarts is the number of container restarts of the pod.
func Restarts(pod *corev1.Pod) int32 {
	var restarts int32
	for i := range pod.Status.ContainerStatuses {
		restarts += pod.Status.ContainerStatuses[i].RestartCount
	}
	return restarts
}
