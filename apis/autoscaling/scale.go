// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package autoscaling

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/kind"
)

// Scales are the number of replicas of something, wanted and seen. They are the body of the scale subresource of other
// kinds and no resource of their own.
var Scales = kind.Of[*autoscalingv1.Scale, *metav1.List]{
	GroupVersion: autoscalingv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "scales"},
	Transient:    true,
	Validate: func(scale, _ *autoscalingv1.Scale) field.ErrorList {
		return meta.ValidateNonNegative(scale.Spec.Replicas, field.NewPath("spec", "replicas"))
	},
}
