// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// QOSClass computes the quality of service class of a pod from its CPU and memory requests and limits:
// Guaranteed when every container (or the pod as a whole) limits both and requests exactly that much,
// BestEffort when nothing is requested or limited, Burstable otherwise.
func QOSClass(spec *corev1.PodSpec) corev1.PodQOSClass {
	if whole := spec.Resources; whole != nil && len(whole.Limits)+len(whole.Requests) > 0 {
		return classOf([]corev1.ResourceRequirements{*whole})
	}
	parts := make([]corev1.ResourceRequirements, 0, len(spec.InitContainers)+len(spec.Containers))
	for i := range spec.InitContainers {
		parts = append(parts, spec.InitContainers[i].Resources)
	}
	for i := range spec.Containers {
		parts = append(parts, spec.Containers[i].Resources)
	}
	return classOf(parts)
}

func classOf(parts []corev1.ResourceRequirements) corev1.PodQOSClass {
	requests, limits := corev1.ResourceList{}, corev1.ResourceList{}
	allLimited := true
	for _, part := range parts {
		addComputed(requests, part.Requests)
		if addComputed(limits, part.Limits) < 2 {
			allLimited = false
		}
	}
	if len(requests) == 0 && len(limits) == 0 {
		return corev1.PodQOSBestEffort
	}
	if !allLimited || len(requests) != len(limits) {
		return corev1.PodQOSBurstable
	}
	for name, request := range requests {
		if limit, ok := limits[name]; !ok || limit.Cmp(request) != 0 {
			return corev1.PodQOSBurstable
		}
	}
	return corev1.PodQOSGuaranteed
}

// addComputed adds the non-zero CPU and memory of list to sum and returns how many of the two there were.
func addComputed(sum, list corev1.ResourceList) int {
	found := 0
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		quantity, ok := list[name]
		if !ok || quantity.Cmp(resource.Quantity{}) <= 0 {
			continue
		}
		found++
		total := sum[name].DeepCopy()
		total.Add(quantity)
		sum[name] = total
	}
	return found
}
