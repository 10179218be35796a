// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/internal/pods"
)

// The subresources of pods that change a part of the spec which the pod resource itself guards. Prepare takes only that
// part from the new object; Validate then judges the change.

// PrepareEphemeralContainers keeps all but the ephemeral containers as they were.
func PrepareEphemeralContainers(pod, old *corev1.Pod) { pods.PrepareEphemeralContainers(pod, old) }

// ValidateEphemeralContainers allows ephemeral containers to be added.
func ValidateEphemeralContainers(pod, old *corev1.Pod) field.ErrorList {
	return pods.ValidateEphemeralContainers(pod, old)
}

// PrepareResize keeps all but the containers' resources as they were.
func PrepareResize(pod, old *corev1.Pod) { pods.PrepareResize(pod, old) }

// ValidateResize allows CPU and memory to change.
func ValidateResize(pod, old *corev1.Pod) field.ErrorList { return pods.ValidateResize(pod, old) }
