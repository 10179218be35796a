// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// isMirror tells whether a pod is what a node shows of one of its static pods. The annotation's value does not matter, and
// may be empty.
func isMirror(pod *corev1.Pod) bool {
	_, ok := pod.Annotations[corev1.MirrorPodAnnotationKey]
	return ok
}

// validateMirror checks what a mirror pod must have and cannot have.
func validateMirror(pod *corev1.Pod) field.ErrorList {
	if !isMirror(pod) {
		return nil
	}
	var errs field.ErrorList
	if pod.Spec.NodeName == "" {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "annotations").Key(corev1.MirrorPodAnnotationKey),
			pod.Annotations[corev1.MirrorPodAnnotationKey], "must set spec.nodeName if mirror pod annotation is set"))
	}
	if len(pod.Spec.ResourceClaims) > 0 {
		errs = append(errs, field.Forbidden(field.NewPath(""), "static pods do not support resource claims"))
	}
	return errs
}

// validateMirrorUpdate keeps mirror pods mirror pods, and others from becoming one: a node gains nothing by what a mirror
// pod refers to, and would if it could make the pod an ordinary one.
func validateMirrorUpdate(pod, old *corev1.Pod) field.ErrorList {
	now, is := pod.Annotations[corev1.MirrorPodAnnotationKey]
	before, was := old.Annotations[corev1.MirrorPodAnnotationKey]
	at := field.NewPath("metadata", "annotations").Key(corev1.MirrorPodAnnotationKey)
	switch {
	case is == was && now == before:
		return nil
	case was:
		return field.ErrorList{field.Forbidden(at, "may not remove or update mirror pod annotation")}
	}
	return field.ErrorList{field.Forbidden(at, "may not add mirror pod annotation")}
}
