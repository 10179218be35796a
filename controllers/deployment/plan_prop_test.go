// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"fmt"
	"math/rand/v2"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// TestRolloutsKeepTheirLimits drives the planner through random histories: templates and sizes change in the middle of
// rollouts, pods become available or fail at any time. After each step:
//
//   - pods beyond replicas + maxSurge are only there because the deployment was larger before: no step adds to them;
//   - no step gives up an available pod of an old set while fewer than replicas - maxUnavailable are available;
//   - when everything is healthy, the rollout comes to an end.
func TestRolloutsKeepTheirLimits(t *testing.T) {
	for seed := range uint64(100) {
		random := rand.New(rand.NewPCG(seed, 1))
		d := newDeployment(int32(random.IntN(12)), "v0")
		d.Spec.Strategy.RollingUpdate.MaxSurge = ptr.To(intstr.FromInt32(int32(random.IntN(4))))
		d.Spec.Strategy.RollingUpdate.MaxUnavailable = ptr.To(intstr.FromInt32(int32(random.IntN(4))))
		if random.IntN(2) == 0 {
			d.Spec.Strategy.RollingUpdate.MaxSurge = ptr.To(intstr.FromString(fmt.Sprint(10+random.IntN(80), "%")))
		}
		c := &cluster{t: t, now: epoch, deployment: d}
		c.settle()
		for range 60 {
			resized := false
			switch random.IntN(6) {
			case 0:
				d.Spec.Template = template(fmt.Sprint("v", random.IntN(4)))
				d.Generation++
			case 1:
				d.Spec.Replicas = ptr.To(int32(random.IntN(12)))
				d.Generation++
				resized = true
			}
			checkStep(t, seed, c, resized)
			c.somePods(random)
			if t.Failed() {
				t.Fatalf("seed %d: sizes %v of %d", seed, c.sizes(), wanted(d))
			}
		}
		c.pods()
		c.settle()
		if got := makePlan(seen{deployment: d, sets: c.sets}, c.now).status; !complete(d, got) {
			t.Fatalf("seed %d: with all pods healthy the rollout stops at %v of %d", seed, c.sizes(), wanted(d))
		}
	}
}

// checkStep takes a step and checks its limits. Scaling takes precedence over rolling: a step that follows a change of
// size may give up pods of any set.
func checkStep(t *testing.T, seed uint64, c *cluster, resized bool) {
	t.Helper()
	before, availableBefore := sumReplicas(c.sets), sumAvailable(c.sets)
	scales := resized || (&step{deployment: c.deployment, old: c.sets}).scalingWanted()
	p := makePlan(seen{deployment: c.deployment, sets: c.sets}, c.now)
	lost := int32(0)
	for _, change := range p.update {
		lost += max(0, min(change.from, change.set.Status.AvailableReplicas)-replicas(change.set))
	}
	c.step()
	surge, unavailable := limits(c.deployment)
	if after := sumReplicas(c.sets); after > before && after > wanted(c.deployment)+max(surge, maxSurge(c.deployment)) {
		t.Errorf("seed %d: a step raises the number of pods from %d to %d, beyond %d+%d", seed, before, after, wanted(c.deployment), surge)
	}
	if need := wanted(c.deployment) - unavailable; !scales && lost > 0 && availableBefore-lost < min(need, availableBefore) {
		t.Errorf("seed %d: a step leaves %d available pods, needed are %d", seed, availableBefore-lost, need)
	}
}

// somePods makes every set have the pods it asks for, of which a random part is available.
func (c *cluster) somePods(random *rand.Rand) {
	for _, set := range c.sets {
		n := *set.Spec.Replicas
		available := int32(0)
		if n > 0 {
			available = int32(random.IntN(int(n) + 1))
		}
		set.Status = appsv1.ReplicaSetStatus{Replicas: n, ReadyReplicas: available, AvailableReplicas: available, ObservedGeneration: set.Generation}
	}
}
