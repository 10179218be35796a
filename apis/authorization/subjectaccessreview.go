// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// SubjectAccessReviews ask whether somebody may do something.
var SubjectAccessReviews = kind.Of[*authorizationv1.SubjectAccessReview, *metav1.List]{
	GroupVersion: authorizationv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "subjectaccessreviews"},
	Scope:        kind.Cluster,
	Transient:    true,
	Validate: func(review, _ *authorizationv1.SubjectAccessReview) field.ErrorList {
		return append(validateSubject(&review.Spec), validateNoMetadata(review.ObjectMeta, false)...)
	},
}

func validateSubject(spec *authorizationv1.SubjectAccessReviewSpec) field.ErrorList {
	path := field.NewPath("spec")
	errs := validateAttributes(spec.ResourceAttributes, spec.NonResourceAttributes, path)
	if spec.User == "" && len(spec.Groups) == 0 {
		errs = append(errs, field.Invalid(path.Child("user"), spec.User, "at least one of user or group must be specified"))
	}
	return errs
}
