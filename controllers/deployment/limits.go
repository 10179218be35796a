// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// limits returns by how many pods a rolling update may exceed and fall short of the wanted number. Surge percentages
// are rounded up and unavailable ones down; when both come to nothing, one pod may be unavailable, or the update would
// never move.
func limits(deployment *appsv1.Deployment) (surge, unavailable int32) {
	rolling := deployment.Spec.Strategy.RollingUpdate
	if deployment.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType || rolling == nil || wanted(deployment) == 0 {
		return 0, 0
	}
	surge = scaled(rolling.MaxSurge, wanted(deployment), true)
	unavailable = scaled(rolling.MaxUnavailable, wanted(deployment), false)
	if surge == 0 && unavailable == 0 {
		unavailable = 1
	}
	return surge, min(unavailable, wanted(deployment))
}

// maxSurge is the surge alone. Unlike limits it is also meant for a deployment of no replicas.
func maxSurge(deployment *appsv1.Deployment) int32 {
	rolling := deployment.Spec.Strategy.RollingUpdate
	if deployment.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType || rolling == nil {
		return 0
	}
	return scaled(rolling.MaxSurge, wanted(deployment), true)
}

// scaled resolves a number or percentage; what validation would have refused counts as zero.
func scaled(value *intstr.IntOrString, of int32, up bool) int32 {
	resolved, err := intstr.GetScaledValueFromIntOrPercent(intstr.ValueOrDefault(value, intstr.FromInt32(0)), int(of), up)
	if err != nil {
		return 0
	}
	return int32(resolved)
}

// newSetSize is the size that the newest set may have now, given how many pods all sets ask for together.
func newSetSize(deployment *appsv1.Deployment, current, total int32) int32 {
	if deployment.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		return wanted(deployment)
	}
	room := wanted(deployment) + maxSurge(deployment) - total
	if room <= 0 {
		return current
	}
	return current + min(room, wanted(deployment)-current)
}

func sumReplicas(sets []*appsv1.ReplicaSet) int32 {
	var sum int32
	for _, set := range sets {
		sum += replicas(set)
	}
	return sum
}

func sumAvailable(sets []*appsv1.ReplicaSet) int32 {
	var sum int32
	for _, set := range sets {
		sum += set.Status.AvailableReplicas
	}
	return sum
}
