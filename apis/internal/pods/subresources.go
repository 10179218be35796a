// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// PrepareEphemeralContainers takes from an update of the ephemeralcontainers subresource only those containers.
func PrepareEphemeralContainers(pod, old *corev1.Pod) {
	added := pod.Spec.EphemeralContainers
	meta := pod.ObjectMeta
	old.DeepCopyInto(pod)
	pod.ResourceVersion, pod.ManagedFields = meta.ResourceVersion, meta.ManagedFields
	pod.Spec.EphemeralContainers = added
	raiseGeneration(pod, old)
}

// raiseGeneration counts a change of the spec.
func raiseGeneration(pod, old *corev1.Pod) {
	if !apiequality.Semantic.DeepEqual(pod.Spec, old.Spec) {
		pod.Generation = old.Generation + 1
	}
}

// ValidateEphemeralContainers returns what is wrong with an update of the ephemeralcontainers subresource: containers
// may be added, never changed or removed.
func ValidateEphemeralContainers(pod, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec", "ephemeralContainers")
	if isMirror(old) {
		return field.ErrorList{field.Forbidden(field.NewPath(""), "static pods do not support ephemeral containers")}
	}
	errs := ValidatePod(pod)
	now := make(map[string]*corev1.EphemeralContainer, len(pod.Spec.EphemeralContainers))
	for i := range pod.Spec.EphemeralContainers {
		now[pod.Spec.EphemeralContainers[i].Name] = &pod.Spec.EphemeralContainers[i]
	}
	for i := range old.Spec.EphemeralContainers {
		before := &old.Spec.EphemeralContainers[i]
		if kept, ok := now[before.Name]; !ok {
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be removed\n", before.Name)))
		} else if !apiequality.Semantic.DeepEqual(before, kept) {
			errs = append(errs, field.Forbidden(path, fmt.Sprintf("existing ephemeral containers %q may not be changed\n", before.Name)))
		}
	}
	return errs
}

// PrepareResize takes from an update of the resize subresource only the resources and resize policies of containers.
func PrepareResize(pod, old *corev1.Pod) {
	wanted := pod.Spec
	meta := pod.ObjectMeta
	old.DeepCopyInto(pod)
	pod.ResourceVersion, pod.ManagedFields = meta.ResourceVersion, meta.ManagedFields
	take := func(to []corev1.Container, from []corev1.Container) {
		for i := range to {
			for j := range from {
				if to[i].Name == from[j].Name {
					to[i].Resources, to[i].ResizePolicy = from[j].Resources, from[j].ResizePolicy
				}
			}
		}
	}
	take(pod.Spec.Containers, wanted.Containers)
	take(pod.Spec.InitContainers, wanted.InitContainers)
	raiseGeneration(pod, old)
}

// ValidateResize returns what is wrong with an update of the resize subresource.
func ValidateResize(pod, old *corev1.Pod) field.ErrorList {
	path := field.NewPath("spec")
	errs := ValidatePod(pod)
	if isMirror(old) {
		return field.ErrorList{field.Forbidden(field.NewPath(""), "static pods cannot be resized")}
	}
	if old.Spec.OS != nil && old.Spec.OS.Name == corev1.Windows {
		return append(errs, field.Forbidden(path, "windows pods cannot be resized"))
	}
	if before, now := QOSClass(&old.Spec), QOSClass(&pod.Spec); before != now {
		errs = append(errs, field.Invalid(path, now, "Pod QOS Class may not change as a result of resizing"))
	}
	check := func(now, before []corev1.Container, path *field.Path, sidecarsOnly bool) {
		for i := range now {
			at := path.Index(i).Child("resources")
			changed := !apiequality.Semantic.DeepEqual(now[i].Resources, before[i].Resources)
			switch {
			case changed && sidecarsOnly && !restartable(&now[i]):
				errs = append(errs, field.Forbidden(at, "resources for non-sidecar init containers are immutable"))
			case changed && !onlyComputeChanged(&now[i].Resources, &before[i].Resources):
				errs = append(errs, field.Forbidden(at, "only cpu and memory resources are mutable"))
			}
		}
	}
	check(pod.Spec.Containers, old.Spec.Containers, path.Child("containers"), false)
	check(pod.Spec.InitContainers, old.Spec.InitContainers, path.Child("initContainers"), true)
	return errs
}

func onlyComputeChanged(now, before *corev1.ResourceRequirements) bool {
	a, b := now.DeepCopy(), before.DeepCopy()
	for _, list := range []corev1.ResourceList{a.Limits, a.Requests, b.Limits, b.Requests} {
		delete(list, corev1.ResourceCPU)
		delete(list, corev1.ResourceMemory)
	}
	return apiequality.Semantic.DeepEqual(a, b)
}
