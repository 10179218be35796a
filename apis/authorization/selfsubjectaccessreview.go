// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// SelfSubjectAccessReviews ask whether the asker may do something (kubectl auth can-i).
var SelfSubjectAccessReviews = kind.Of[*authorizationv1.SelfSubjectAccessReview, *metav1.List]{
	GroupVersion: authorizationv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "selfsubjectaccessreviews"},
	Scope:        kind.Cluster,
	Transient:    true,
	Validate: func(review, _ *authorizationv1.SelfSubjectAccessReview) field.ErrorList {
		errs := validateAttributes(review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes, field.NewPath("spec"))
		return append(errs, validateNoMetadata(review.ObjectMeta, false)...)
	},
}
