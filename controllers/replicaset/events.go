// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Reasons of events, and of the ReplicaFailure condition, as Kubernetes words them.
const (
	reasonSuccessfulCreate = "SuccessfulCreate"
	reasonFailedCreate     = "FailedCreate"
	reasonSuccessfulDelete = "SuccessfulDelete"
	reasonFailedDelete     = "FailedDelete"
)

func (r *Reconciler) created(set *appsv1.ReplicaSet, pod *corev1.Pod) {
	r.recorder.Eventf(set, corev1.EventTypeNormal, reasonSuccessfulCreate, "Created pod: %v", pod.Name)
}

func (r *Reconciler) createFailed(set *appsv1.ReplicaSet, err error) {
	r.recorder.Eventf(set, corev1.EventTypeWarning, reasonFailedCreate, "Error creating: %v", err)
}

func (r *Reconciler) deleted(set *appsv1.ReplicaSet, pod *corev1.Pod) {
	r.recorder.Eventf(set, corev1.EventTypeNormal, reasonSuccessfulDelete, "Deleted pod: %v", pod.Name)
}

func (r *Reconciler) deleteFailed(set *appsv1.ReplicaSet, err error) {
	r.recorder.Eventf(set, corev1.EventTypeWarning, reasonFailedDelete, "Error deleting: %v", err)
}
