// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

// plan is one step of a deployment.
type plan struct {
	// create is a set to be made, or nil.
	create *appsv1.ReplicaSet
	// update are existing sets with changed replicas or annotations, in the order of the writes.
	update []change
	// delete are sets of the past that are no longer kept.
	delete []*appsv1.ReplicaSet
	// revision is the value wanted for the revision annotation of the deployment; empty leaves it.
	revision string
	status   appsv1.DeploymentStatus
	// recheck is when the progress deadline will have passed; zero means never.
	recheck time.Duration
}

// change is a set as it should become, with the number of replicas that it has now.
type change struct {
	set  *appsv1.ReplicaSet
	from int32
}

// step is a plan in the making.
type step struct {
	now        time.Time
	deployment *appsv1.Deployment
	// current is the set of the deployment's template, or nil; old are all others, oldest first.
	current *appsv1.ReplicaSet
	old     []*appsv1.ReplicaSet
	pods    []*corev1.Pod
	plan    plan
}

// makePlan decides on the next step. It does not change s.
func makePlan(s seen, now time.Time) plan {
	t := &step{now: now, deployment: s.deployment, pods: s.pods}
	t.current, t.old = split(s.deployment, s.sets)
	t.plan.status = *s.deployment.Status.DeepCopy()
	switch {
	case s.deployment.DeletionTimestamp != nil:
		t.count()
	case s.deployment.Spec.Paused:
		t.notePause()
		t.keepRevision(false)
		t.scaleAll()
		t.tidy()
		t.count()
	case t.scalingWanted():
		t.notePause()
		t.keepRevision(false)
		t.scaleAll()
		t.count()
	case s.deployment.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		t.notePause()
		t.recreate()
		t.progress()
	default:
		t.notePause()
		t.roll()
		t.progress()
	}
	return t.plan
}

func wanted(deployment *appsv1.Deployment) int32 { return ptr.Deref(deployment.Spec.Replicas, 1) }

func replicas(set *appsv1.ReplicaSet) int32 {
	if set == nil {
		return 0
	}
	return ptr.Deref(set.Spec.Replicas, 1)
}

// all returns every set of the deployment.
func (t *step) all() []*appsv1.ReplicaSet {
	if t.current == nil {
		return t.old
	}
	return append(append([]*appsv1.ReplicaSet(nil), t.old...), t.current)
}

// scaleSet plans a new size for a set, and that it remembers the size of the deployment. It reports whether it changes
// the number of replicas.
func (t *step) scaleSet(set *appsv1.ReplicaSet, to int32) bool {
	updated := set.DeepCopy()
	from := replicas(set)
	remembered := rememberSize(updated, t.deployment)
	if from == to && !remembered {
		return false
	}
	updated.Spec.Replicas = ptr.To(to)
	t.put(updated, from)
	return from != to
}

// put records a changed set and makes the rest of the step see it.
func (t *step) put(updated *appsv1.ReplicaSet, from int32) {
	for i := range t.plan.update {
		if t.plan.update[i].set.UID == updated.UID {
			t.plan.update[i].set = updated
			t.replace(updated)
			return
		}
	}
	t.plan.update = append(t.plan.update, change{set: updated, from: from})
	t.replace(updated)
}

func (t *step) replace(updated *appsv1.ReplicaSet) {
	if t.current != nil && t.current.UID == updated.UID {
		t.current = updated
	}
	for i, set := range t.old {
		if set.UID == updated.UID {
			t.old[i] = updated
		}
	}
}
