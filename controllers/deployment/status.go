// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// writeStatus brings status and revision annotation in line with the plan, in one call: as in Kubernetes, an update of
// the status also carries annotations.
func (r *Reconciler) writeStatus(ctx context.Context, s seen, p plan) error {
	revised := p.revision != "" && p.revision != s.deployment.Annotations[annotationRevision]
	if !revised && equality.Semantic.DeepEqual(p.status, s.deployment.Status) {
		return nil
	}
	updated := s.deployment.DeepCopy()
	updated.Status = p.status
	if revised {
		if updated.Annotations == nil {
			updated.Annotations = map[string]string{}
		}
		updated.Annotations[annotationRevision] = p.revision
	}
	if err := r.client.Status().Update(ctx, updated); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("updating the status: %w", err)
	}
	return nil
}

// count puts the counters and the Available condition into the plan.
func (t *step) count() { t.plan.status = t.counted() }

// counted is the status after counting, with the conditions decided so far.
func (t *step) counted() appsv1.DeploymentStatus {
	all := t.all()
	status := *t.plan.status.DeepCopy()
	status.ObservedGeneration = t.deployment.Generation
	status.Replicas, status.UpdatedReplicas, status.ReadyReplicas, status.AvailableReplicas = 0, 0, 0, 0
	status.TerminatingReplicas = ptr.To(int32(0))
	for _, set := range all {
		status.Replicas += set.Status.Replicas
		status.ReadyReplicas += set.Status.ReadyReplicas
		status.AvailableReplicas += set.Status.AvailableReplicas
		if status.TerminatingReplicas != nil && set.Status.TerminatingReplicas != nil {
			status.TerminatingReplicas = ptr.To(*status.TerminatingReplicas + *set.Status.TerminatingReplicas)
		} else {
			status.TerminatingReplicas = nil // one set does not know yet, so neither does the deployment
		}
	}
	if t.current != nil {
		status.UpdatedReplicas = t.current.Status.Replicas
	}
	status.UnavailableReplicas = max(0, sumReplicas(all)-status.AvailableReplicas)
	t.judgeAvailable(&status)
	return status
}

func (t *step) judgeAvailable(status *appsv1.DeploymentStatus) {
	_, unavailable := limits(t.deployment)
	if status.AvailableReplicas >= wanted(t.deployment)-unavailable {
		setCondition(status, t.now, appsv1.DeploymentAvailable, corev1.ConditionTrue, reasonAvailable,
			"Deployment has minimum availability.")
		return
	}
	setCondition(status, t.now, appsv1.DeploymentAvailable, corev1.ConditionFalse, reasonUnavailable,
		"Deployment does not have minimum availability.")
}

// complete reports whether every pod is of the newest set and available.
func complete(deployment *appsv1.Deployment, status appsv1.DeploymentStatus) bool {
	return status.UpdatedReplicas == wanted(deployment) && status.Replicas == wanted(deployment) &&
		status.AvailableReplicas == wanted(deployment) && status.ObservedGeneration >= deployment.Generation
}
