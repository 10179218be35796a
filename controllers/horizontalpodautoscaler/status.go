// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package horizontalpodautoscaler

import (
	"context"
	"fmt"
	"slices"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// writeStatus writes the status when the pass has changed it.
func (r *Reconciler) writeStatus(ctx context.Context, p *pass) error {
	if equality.Semantic.DeepEqual(p.status, p.hpa.Status) {
		return nil
	}
	updated := p.hpa.DeepCopy()
	updated.Status = p.status
	if err := r.client.Status().Update(ctx, updated); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("updating the status: %w", err)
	}
	return nil
}

// set sets a condition; its transition time follows the status.
func (p *pass) set(kind autoscalingv2.HorizontalPodAutoscalerConditionType, holds bool, reason, message string) {
	c := autoscalingv2.HorizontalPodAutoscalerCondition{
		Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message, LastTransitionTime: metav1.NewTime(p.now),
	}
	if holds {
		c.Status = corev1.ConditionTrue
	}
	at := slices.IndexFunc(p.status.Conditions, func(c autoscalingv2.HorizontalPodAutoscalerCondition) bool { return c.Type == kind })
	if at < 0 {
		p.status.Conditions = append(p.status.Conditions, c)
		return
	}
	if p.status.Conditions[at].Status == c.Status {
		c.LastTransitionTime = p.status.Conditions[at].LastTransitionTime
	}
	p.status.Conditions[at] = c
}

func metaTime(t time.Time) *metav1.Time {
	m := metav1.NewTime(t)
	return &m
}
