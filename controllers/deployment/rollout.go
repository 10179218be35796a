// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// roll takes a step of a rolling update: first the new set grows, then the old ones shrink.
func (t *step) roll() {
	if !t.keepRevision(true) {
		return // the new set is about to be made
	}
	if t.growCurrent() || t.shrinkOld() {
		return
	}
	if complete(t.deployment, t.counted()) {
		t.tidy()
	}
}

// growCurrent plans the next size of the new set, which may also be a smaller one.
func (t *step) growCurrent() bool {
	has := replicas(t.current)
	switch {
	case has == wanted(t.deployment):
		return false
	case has > wanted(t.deployment):
		return t.scaleSet(t.current, wanted(t.deployment))
	}
	return t.scaleSet(t.current, newSetSize(t.deployment, has, sumReplicas(t.all())))
}

// shrinkOld gives up pods of old sets: first those that are not available anyway, then as many others as there are
// more available pods than needed. Pods of the new set that are not yet available are reserved for, since they may
// never become so.
func (t *step) shrinkOld() bool {
	if sumReplicas(t.old) == 0 {
		return false
	}
	_, unavailable := limits(t.deployment)
	needed := wanted(t.deployment) - unavailable
	pendingNew := replicas(t.current) - t.current.Status.AvailableReplicas
	budget := sumReplicas(t.all()) - needed - pendingNew
	if budget <= 0 {
		return false
	}
	changed := false
	for _, set := range slices.Clone(t.old) {
		if unhealthy := replicas(set) - set.Status.AvailableReplicas; unhealthy > 0 && budget > 0 {
			drop := min(unhealthy, budget)
			budget -= drop
			changed = t.scaleSet(set, replicas(set)-drop) || changed
		}
	}
	spare := sumAvailable(t.all()) - needed
	for _, set := range slices.Clone(t.old) {
		if drop := min(replicas(set), spare); drop > 0 {
			spare -= drop
			changed = t.scaleSet(set, replicas(set)-drop) || changed
		}
	}
	return changed
}

// recreate takes a step of a Recreate update: old sets go to nothing, and only when their last pod is gone the new set
// is made or grown.
func (t *step) recreate() {
	t.keepRevision(false)
	changed := false
	for _, set := range slices.Clone(t.old) {
		if replicas(set) > 0 {
			changed = t.scaleSet(set, 0) || changed
		}
	}
	if changed || t.oldPodsRemain() || !t.keepRevision(true) {
		return
	}
	if t.scaleSet(t.current, wanted(t.deployment)) {
		return
	}
	if complete(t.deployment, t.counted()) {
		t.tidy()
	}
}

// oldPodsRemain reports whether a pod of an old set has not ended yet.
func (t *step) oldPodsRemain() bool {
	for _, set := range t.old {
		if set.Status.Replicas > 0 {
			return true
		}
	}
	for _, pod := range t.pods {
		ref := metav1.GetControllerOfNoCopy(pod)
		if ref != nil && (t.current == nil || ref.UID != t.current.UID) && !ended(pod) {
			return true
		}
	}
	return false
}

func ended(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded
}

// tidy plans the deletion of the oldest sets beyond the history limit. Sets that still have, or might have, pods stay.
func (t *step) tidy() {
	limit := int(ptr.Deref(t.deployment.Spec.RevisionHistoryLimit, 10))
	past := slices.DeleteFunc(slices.Clone(t.old), func(set *appsv1.ReplicaSet) bool { return set.DeletionTimestamp != nil })
	if len(past) <= limit {
		return
	}
	slices.SortStableFunc(past, func(a, b *appsv1.ReplicaSet) int { return compareRevisions(a, b) })
	for _, set := range past[:len(past)-limit] {
		if set.Status.Replicas == 0 && replicas(set) == 0 && set.Generation <= set.Status.ObservedGeneration {
			t.plan.delete = append(t.plan.delete, set)
		}
	}
}
