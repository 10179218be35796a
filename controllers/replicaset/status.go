// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/controllers/internal/pods"
)

// writeStatus brings the status in line with the snapshot and returns after how long the next pod becomes available.
func (r *Reconciler) writeStatus(ctx context.Context, s seen, failure error) (time.Duration, error) {
	status, wait := makeStatus(s, failure, r.clock.Now())
	if equality.Semantic.DeepEqual(status, s.set.Status) {
		return wait, nil
	}
	updated := s.set.DeepCopy()
	updated.Status = status
	if err := r.client.Status().Update(ctx, updated); client.IgnoreNotFound(err) != nil {
		return 0, fmt.Errorf("updating the status: %w", err)
	}
	return wait, nil
}

// makeStatus counts pods. The condition follows the last attempt to create or delete: it is set when that failed and
// goes away with the next pass that has no failure.
func makeStatus(s seen, failure error, now time.Time) (appsv1.ReplicaSetStatus, time.Duration) {
	status := *s.set.Status.DeepCopy()
	status.ObservedGeneration = s.set.Generation
	status.Replicas, status.FullyLabeledReplicas, status.ReadyReplicas, status.AvailableReplicas = 0, 0, 0, 0
	terminating := int32(0)
	template := labels.SelectorFromValidatedSet(s.set.Spec.Template.Labels)
	minReady := time.Duration(s.set.Spec.MinReadySeconds) * time.Second
	var wait time.Duration
	for _, pod := range s.pods {
		if pods.Terminating(pod) {
			terminating++
		}
		if !pods.Active(pod) {
			continue
		}
		status.Replicas++
		if template.Matches(labels.Set(pod.Labels)) {
			status.FullyLabeledReplicas++
		}
		if pods.Ready(pod) {
			status.ReadyReplicas++
		}
		available, missing := pods.Available(pod, minReady, now)
		if available {
			status.AvailableReplicas++
		} else if missing > 0 && (wait == 0 || missing < wait) {
			wait = missing
		}
	}
	status.TerminatingReplicas = ptr.To(terminating)
	status.Conditions = conditionsAfter(status.Conditions, failure, now)
	return status, wait
}

func conditionsAfter(conditions []appsv1.ReplicaSetCondition, failure error, now time.Time) []appsv1.ReplicaSetCondition {
	at := slices.IndexFunc(conditions, func(c appsv1.ReplicaSetCondition) bool { return c.Type == appsv1.ReplicaSetReplicaFailure })
	var write *writeError
	if !errors.As(failure, &write) {
		if at >= 0 {
			conditions = slices.Delete(conditions, at, at+1)
		}
		return conditions
	}
	if at >= 0 {
		return conditions // keep the first failure and its time
	}
	return append(conditions, appsv1.ReplicaSetCondition{
		Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue,
		Reason: write.reason, Message: failure.Error(), LastTransitionTime: metav1.NewTime(now),
	})
}
