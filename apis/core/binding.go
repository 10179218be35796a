// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// Bindings are requests to put a pod on a node; they are acted upon and never stored, so there are no
// lists of them.
var Bindings = kind.Of[*corev1.Binding, *metav1.List]{
	GroupVersion: corev1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "bindings"},
	Transient:    true,
	Validate:     func(b, _ *corev1.Binding) field.ErrorList { return ValidateBinding(b) },
}

// ValidateBinding checks a binding, whether it was posted to bindings or to pods/binding.
func ValidateBinding(b *corev1.Binding) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("target")
	if b.Target.Kind != "" && b.Target.Kind != "Node" {
		errs = append(errs, field.NotSupported(path.Child("kind"), b.Target.Kind, []string{"Node", "<empty>"}))
	}
	if b.Target.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), ""))
	}
	return errs
}
