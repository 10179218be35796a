// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"

	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/metrics"
	"coxswain.dev/coxswain/scheduler/queue"
)

// maxNote is what the API takes as an event's note.
const maxNote = 1024

// unschedulable puts a pod aside that no node can take, and tells its owner.
func (s *Scheduler) unschedulable(ctx context.Context, item *queue.Item, profile *framework.Profile, f failure, begin time.Time) {
	pod := item.Pod.Object
	ctrl.LoggerFrom(ctx).V(2).Info("Found no node", "why", f.message)
	s.metrics.Attempts.WithLabelValues(metrics.Unschedulable, profile.SchedulerName).Inc()
	s.metrics.AttemptDuration.WithLabelValues(metrics.Unschedulable, profile.SchedulerName).Observe(s.clock.Since(begin).Seconds())
	s.queue.Failed(item, f.plugins)
	s.tell(ctx, pod, profile, corev1.PodReasonUnschedulable, f.message)
}

// failed has a pod tried again later after an error that is not the pod's.
func (s *Scheduler) failed(ctx context.Context, item *queue.Item, profile *framework.Profile, err error, begin time.Time) {
	pod := item.Pod.Object
	s.metrics.Attempts.WithLabelValues(metrics.Error, profile.SchedulerName).Inc()
	s.metrics.AttemptDuration.WithLabelValues(metrics.Error, profile.SchedulerName).Observe(s.clock.Since(begin).Seconds())
	s.queue.Retry(item)
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		// The pod is gone, is another by now, or has a node: informers will tell, there is nothing to complain about.
		ctrl.LoggerFrom(ctx).V(2).Info("Pod changed while it was scheduled", "why", err.Error())
		return
	}
	ctrl.LoggerFrom(ctx).Error(err, "Scheduling a pod")
	s.tell(ctx, pod, profile, corev1.PodReasonSchedulerError, err.Error())
}

// tell writes the reason into an event and into the pod's PodScheduled condition.
func (s *Scheduler) tell(ctx context.Context, pod *corev1.Pod, profile *framework.Profile, reason, message string) {
	s.recorder(profile.SchedulerName).Eventf(pod, nil, corev1.EventTypeWarning, "FailedScheduling", "Scheduling",
		"%s", truncate(message))
	patch, err := conditionPatch(pod, reason, message, metav1.NewTime(s.clock.Now()))
	if err != nil || patch == nil {
		return
	}
	s.write(ctx, "condition", func(ctx context.Context) {
		_, err := s.client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch,
			metav1.PatchOptions{}, "status")
		if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
			ctrl.LoggerFrom(ctx).Error(err, "Writing the PodScheduled condition")
		}
	})
}

// conditionPatch makes the pod's PodScheduled condition false; nil when it says so already.
func conditionPatch(pod *corev1.Pod, reason, message string, now metav1.Time) ([]byte, error) {
	for _, c := range pod.Status.Conditions {
		if c.Type != corev1.PodScheduled || c.Status != corev1.ConditionFalse {
			continue
		}
		if c.Reason == reason && c.Message == message {
			return nil, nil
		}
		now = c.LastTransitionTime // it was false before
	}
	patch, err := json.Marshal(map[string]any{
		"metadata": map[string]any{"uid": pod.UID}, // not to speak about a successor of the same name
		"status": map[string]any{"conditions": []corev1.PodCondition{{
			Type:               corev1.PodScheduled,
			Status:             corev1.ConditionFalse,
			ObservedGeneration: pod.Generation,
			LastTransitionTime: now,
			Reason:             reason,
			Message:            message,
		}}},
	})
	if err != nil {
		return nil, fmt.Errorf("encoding the PodScheduled condition: %w", err)
	}
	return patch, nil
}

// truncate makes a message fit into an event.
func truncate(message string) string {
	const suffix = " ..."
	if len(message) <= maxNote {
		return message
	}
	return message[:maxNote-len(suffix)] + suffix
}
