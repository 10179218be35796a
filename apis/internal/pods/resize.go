// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateResizePolicy checks what a change of a running container's resources means for it.
func validateResizePolicy(c *corev1.Container, spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[corev1.ResourceName]()
	for i, policy := range c.ResizePolicy {
		at := path.Index(i)
		if seen.Has(policy.ResourceName) {
			errs = append(errs, field.Duplicate(at, policy.ResourceName))
		}
		seen.Insert(policy.ResourceName)
		errs = append(errs, requiredOneOf(policy.ResourceName, at, corev1.ResourceCPU, corev1.ResourceMemory)...)
		errs = append(errs, requiredOneOf(policy.RestartPolicy, at, corev1.NotRequired, corev1.RestartContainer)...)
		if spec.RestartPolicy == corev1.RestartPolicyNever && policy.RestartPolicy != corev1.NotRequired {
			errs = append(errs, field.Invalid(at, policy.RestartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"))
		}
	}
	return errs
}
