// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package horizontalpodautoscaler

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
)

func (r *Reconciler) rescaled(hpa *autoscalingv2.HorizontalPodAutoscaler, size int32, reason string) {
	r.recorder.Eventf(hpa, corev1.EventTypeNormal, "SuccessfulRescale", "New size: %d; reason: %s", size, reason)
}

func (r *Reconciler) warn(hpa *autoscalingv2.HorizontalPodAutoscaler, reason, message string) {
	r.recorder.Event(hpa, corev1.EventTypeWarning, reason, message)
}
