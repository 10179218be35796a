// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func Warnings(_, _ *corev1.Pod) []string { return nil }
func ValidatePod(pod *corev1.Pod) field.ErrorList {
	return ValidateSpec(&pod.Spec, field.NewPath("spec"))
}
func ValidatePodUpdate(_, _ *corev1.Pod) field.ErrorList    { return nil }
func ValidateStatusUpdate(_, _ *corev1.Pod) field.ErrorList { return nil }
