// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"cmp"
	"math"
	"slices"

	appsv1 "k8s.io/api/apps/v1"
)

// scalingWanted reports whether the number of replicas of the deployment is not the one that its active sets were last
// scaled for. Then all of them are scaled, before any rollout goes on.
func (t *step) scalingWanted() bool {
	for _, set := range active(t.all()) {
		if desired, ok := number(set, annotationDesired); ok && desired != wanted(t.deployment) {
			return true
		}
	}
	return false
}

func active(sets []*appsv1.ReplicaSet) []*appsv1.ReplicaSet {
	return slices.DeleteFunc(slices.Clone(sets), func(set *appsv1.ReplicaSet) bool { return replicas(set) == 0 })
}

// scaleAll follows a change of the number of replicas. With one active set, or none, it is simply given to that set;
// when the new set is fully there, the old ones get nothing; and in the middle of a rollout it is shared in proportion
// to the sizes of the sets, so that the risk stays spread as it was.
func (t *step) scaleAll() {
	if only := t.activeOrLatest(); only != nil {
		t.scaleSet(only, wanted(t.deployment))
		return
	}
	if t.saturated() {
		for _, set := range active(t.old) {
			t.scaleSet(set, 0)
		}
		return
	}
	if t.deployment.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType {
		t.scaleInProportion()
	}
}

// activeOrLatest returns the only active set or, when none is active, the newest; nil when several are active.
func (t *step) activeOrLatest() *appsv1.ReplicaSet {
	switch found := active(t.all()); len(found) {
	case 0:
		if t.current != nil {
			return t.current
		}
		if len(t.old) > 0 {
			return t.old[len(t.old)-1]
		}
		return nil
	case 1:
		return found[0]
	default:
		return nil
	}
}

// saturated reports whether the new set alone has all that the deployment asks for.
func (t *step) saturated() bool {
	if t.current == nil {
		return false
	}
	desired, ok := number(t.current, annotationDesired)
	return ok && replicas(t.current) == wanted(t.deployment) && desired == wanted(t.deployment) &&
		t.current.Status.AvailableReplicas == wanted(t.deployment)
}

func (t *step) scaleInProportion() {
	sets := active(t.all())
	var allowed int32
	if wanted(t.deployment) > 0 {
		allowed = wanted(t.deployment) + maxSurge(t.deployment)
	}
	add := allowed - sumReplicas(sets)
	slices.SortStableFunc(sets, func(a, b *appsv1.ReplicaSet) int {
		byAge := a.CreationTimestamp.Compare(b.CreationTimestamp.Time)
		if add > 0 { // the larger, then the newer, take what rounding leaves over; when shrinking, the older give it
			byAge = -byAge
		}
		return cmp.Or(cmp.Compare(replicas(b), replicas(a)), byAge)
	})
	sizes := make([]int32, len(sets))
	added := int32(0)
	for i, set := range sets {
		share := t.share(set, add, added)
		sizes[i] = replicas(set) + share
		added += share
	}
	for i, set := range sets {
		if i == 0 {
			sizes[0] = max(0, sizes[0]+add-added)
		}
		t.scaleSet(set, sizes[i])
	}
}

// share is the part of add that falls to a set, given how much was handed out already.
func (t *step) share(set *appsv1.ReplicaSet, add, added int32) int32 {
	if replicas(set) == 0 || add == 0 || add == added {
		return 0
	}
	fraction := t.fraction(set)
	if add > 0 {
		return min(fraction, add-added)
	}
	return max(fraction, add-added)
}

// fraction is by how much a set changes when it keeps its share of the deployment.
func (t *step) fraction(set *appsv1.ReplicaSet) int32 {
	if wanted(t.deployment) == 0 {
		return -replicas(set)
	}
	before, ok := number(set, annotationMax)
	if !ok || before == 0 {
		before = t.deployment.Status.Replicas // a set made by something that does not know the annotation
	}
	if before == 0 {
		return 0
	}
	after := float64(wanted(t.deployment) + maxSurge(t.deployment))
	return int32(math.Round(float64(replicas(set))*after/float64(before))) - replicas(set)
}
