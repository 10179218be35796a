// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"fmt"
	"math"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons of conditions, as Kubernetes words them; kubectl rollout status reads some.
const (
	reasonAvailable   = "MinimumReplicasAvailable"
	reasonUnavailable = "MinimumReplicasUnavailable"
	reasonNewSet      = "NewReplicaSetCreated"
	reasonFoundSet    = "FoundNewReplicaSet"
	reasonUpdated     = "ReplicaSetUpdated"
	reasonComplete    = "NewReplicaSetAvailable"
	reasonTimedOut    = "ProgressDeadlineExceeded"
	reasonCreateError = "ReplicaSetCreateError"
	reasonPaused      = "DeploymentPaused"
	reasonResumed     = "DeploymentResumed"
)

// hasDeadline: the largest number stands for "none".
func hasDeadline(deployment *appsv1.Deployment) bool {
	seconds := deployment.Spec.ProgressDeadlineSeconds
	return seconds != nil && *seconds != math.MaxInt32
}

// progress puts the counters and all conditions of a rollout into the plan.
func (t *step) progress() {
	t.count()
	status := &t.plan.status
	switch condition := conditionOf(*status, appsv1.DeploymentProgressing); {
	case !hasDeadline(t.deployment):
		dropCondition(status, appsv1.DeploymentProgressing)
	case condition != nil && condition.Reason == reasonComplete && status.Replicas == status.UpdatedReplicas:
		// Done before: pods that come and go later are no rollout.
	case complete(t.deployment, *status):
		t.setProgress(corev1.ConditionTrue, reasonComplete, t.subject()+" has successfully progressed.")
	case t.moved():
		t.renewProgress()
	case t.timedOut():
		t.setProgress(corev1.ConditionFalse, reasonTimedOut, t.subject()+" has timed out progressing.")
	}
	t.noteFailures()
	t.planRecheck()
}

func (t *step) subject() string {
	if t.current != nil {
		return fmt.Sprintf("ReplicaSet %q", t.current.Name)
	}
	return fmt.Sprintf("Deployment %q", t.deployment.Name)
}

// moved reports whether pods were updated, became ready or available, or went, since the last status.
func (t *step) moved() bool {
	before, now := t.deployment.Status, t.plan.status
	return now.UpdatedReplicas > before.UpdatedReplicas ||
		now.Replicas-now.UpdatedReplicas < before.Replicas-before.UpdatedReplicas ||
		now.ReadyReplicas > before.ReadyReplicas || now.AvailableReplicas > before.AvailableReplicas
}

// renewProgress starts the deadline anew: unlike setCondition it always renews the update time.
func (t *step) renewProgress() {
	condition := appsv1.DeploymentCondition{
		Type: appsv1.DeploymentProgressing, Status: corev1.ConditionTrue, Reason: reasonUpdated,
		Message:        t.subject() + " is progressing.",
		LastUpdateTime: metav1.NewTime(t.now), LastTransitionTime: metav1.NewTime(t.now),
	}
	if before := conditionOf(t.plan.status, appsv1.DeploymentProgressing); before != nil && before.Status == corev1.ConditionTrue {
		condition.LastTransitionTime = before.LastTransitionTime
	}
	dropCondition(&t.plan.status, appsv1.DeploymentProgressing)
	t.plan.status.Conditions = append(t.plan.status.Conditions, condition)
}

func (t *step) timedOut() bool {
	condition := conditionOf(t.plan.status, appsv1.DeploymentProgressing)
	switch {
	case condition == nil || condition.Reason == reasonComplete:
		return false
	case condition.Reason == reasonTimedOut:
		return true
	}
	return !t.now.Before(condition.LastUpdateTime.Add(deadline(t.deployment)))
}

func deadline(deployment *appsv1.Deployment) time.Duration {
	return time.Duration(*deployment.Spec.ProgressDeadlineSeconds) * time.Second
}

// noteFailures carries the ReplicaFailure condition of a set, the newest one's first, over to the deployment.
func (t *step) noteFailures() {
	sets := t.all()
	slices.Reverse(sets)
	for _, set := range sets {
		for _, c := range set.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure {
				setCondition(&t.plan.status, t.now, appsv1.DeploymentReplicaFailure, c.Status, c.Reason, c.Message)
				return
			}
		}
	}
	dropCondition(&t.plan.status, appsv1.DeploymentReplicaFailure)
}

// planRecheck plans a look at the moment that the deadline passes, since no event marks it.
func (t *step) planRecheck() {
	condition := conditionOf(t.plan.status, appsv1.DeploymentProgressing)
	if !hasDeadline(t.deployment) || condition == nil || condition.Reason == reasonTimedOut ||
		condition.Reason == reasonComplete || complete(t.deployment, t.plan.status) {
		return
	}
	// Times in conditions are whole seconds.
	t.plan.recheck = max(time.Second, condition.LastUpdateTime.Add(deadline(t.deployment)).Sub(t.now)+time.Second)
}

// notePause marks a pause, and its end, in the Progressing condition, so that the time of a pause does not count.
func (t *step) notePause() {
	if !hasDeadline(t.deployment) {
		return
	}
	condition := conditionOf(t.plan.status, appsv1.DeploymentProgressing)
	if condition != nil && condition.Reason == reasonTimedOut {
		return
	}
	paused := condition != nil && condition.Reason == reasonPaused
	switch {
	case t.deployment.Spec.Paused && !paused:
		t.setProgress(corev1.ConditionUnknown, reasonPaused, "Deployment is paused")
	case !t.deployment.Spec.Paused && paused:
		t.setProgress(corev1.ConditionUnknown, reasonResumed, "Deployment is resumed")
	}
}

func (t *step) setProgress(status corev1.ConditionStatus, reason, message string) {
	setCondition(&t.plan.status, t.now, appsv1.DeploymentProgressing, status, reason, message)
}

func conditionOf(status appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType) *appsv1.DeploymentCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

// setCondition replaces a condition unless status and reason are as they were. The transition time follows the status.
func setCondition(in *appsv1.DeploymentStatus, now time.Time, kind appsv1.DeploymentConditionType, status corev1.ConditionStatus, reason, message string) {
	before := conditionOf(*in, kind)
	if before != nil && before.Status == status && before.Reason == reason {
		return
	}
	condition := appsv1.DeploymentCondition{
		Type: kind, Status: status, Reason: reason, Message: message,
		LastUpdateTime: metav1.NewTime(now), LastTransitionTime: metav1.NewTime(now),
	}
	if before != nil && before.Status == status {
		condition.LastTransitionTime = before.LastTransitionTime
	}
	dropCondition(in, kind)
	in.Conditions = append(in.Conditions, condition)
}

func dropCondition(in *appsv1.DeploymentStatus, kind appsv1.DeploymentConditionType) {
	in.Conditions = slices.DeleteFunc(in.Conditions, func(c appsv1.DeploymentCondition) bool { return c.Type == kind })
}
