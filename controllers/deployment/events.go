// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

func (r *Reconciler) scaled(deployment *appsv1.Deployment, set string, from, to int32) {
	direction := "up"
	if to < from {
		direction = "down"
	}
	r.recorder.Eventf(deployment, corev1.EventTypeNormal, "ScalingReplicaSet", "Scaled %s replica set %s from %d to %d", direction, set, from, to)
}

func (r *Reconciler) createFailed(deployment *appsv1.Deployment, message string) {
	r.recorder.Event(deployment, corev1.EventTypeWarning, reasonCreateError, message)
}

func (r *Reconciler) selectingAll(deployment *appsv1.Deployment) {
	r.recorder.Event(deployment, corev1.EventTypeWarning, "SelectingAll",
		"This deployment is selecting all pods. A non-empty selector is required.")
}
