// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"path"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"
)

// Names of cgroups, below the root that the node was given.
const (
	kubepods   = "kubepods"
	burstable  = "burstable"
	bestEffort = "besteffort"
	podPrefix  = "pod"
)

// PodsPath is the cgroup of all pods.
func PodsPath(root string) string { return path.Join("/", root, kubepods) }

// ClassPath is the cgroup of a class of service.
func ClassPath(root string, class corev1.PodQOSClass) string {
	switch class {
	case corev1.PodQOSBurstable:
		return path.Join(PodsPath(root), burstable)
	case corev1.PodQOSBestEffort:
		return path.Join(PodsPath(root), bestEffort)
	}
	return PodsPath(root)
}

// PodPath is the cgroup of a pod, and the parent of its containers'.
func PodPath(root string, pod *corev1.Pod) string {
	return path.Join(ClassPath(root, ClassOf(pod)), podPrefix+string(pod.UID))
}

// PodPaths are all places where a pod's cgroup may be, for a pod that is known by its UID alone.
func PodPaths(root string, uid types.UID) []string {
	var paths []string
	for _, class := range []corev1.PodQOSClass{corev1.PodQOSGuaranteed, corev1.PodQOSBurstable, corev1.PodQOSBestEffort} {
		paths = append(paths, path.Join(ClassPath(root, class), podPrefix+string(uid)))
	}
	return paths
}

// Classes returns what the cgroups of the classes weigh: the burstable pods what they ask for together, those without
// requests the least possible.
func Classes(pods []*corev1.Pod) map[corev1.PodQOSClass]Limits {
	var milli int64
	for _, pod := range pods {
		if ClassOf(pod) == corev1.PodQOSBurstable {
			requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
			milli += requests.Cpu().MilliValue()
		}
	}
	return map[corev1.PodQOSClass]Limits{
		corev1.PodQOSBurstable:  {Shares: Shares(milli)},
		corev1.PodQOSBestEffort: {Shares: minShares},
	}
}
