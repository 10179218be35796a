// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// LocalSubjectAccessReviews ask whether somebody may do something in one namespace, so that the right to ask can be given
// for that namespace.
var LocalSubjectAccessReviews = kind.Of[*authorizationv1.LocalSubjectAccessReview, *metav1.List]{
	GroupVersion: authorizationv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "localsubjectaccessreviews"},
	Transient:    true,
	Validate:     validateLocalSubjectAccessReview,
}

func validateLocalSubjectAccessReview(review, _ *authorizationv1.LocalSubjectAccessReview) field.ErrorList {
	path := field.NewPath("spec")
	spec := &review.Spec
	errs := append(validateSubject(spec), validateNoMetadata(review.ObjectMeta, true)...)
	if resource := spec.ResourceAttributes; resource != nil && resource.Namespace != review.Namespace {
		errs = append(errs, field.Invalid(path.Child("resourceAttributes", "namespace"), resource.Namespace, "must match metadata.namespace"))
	}
	if spec.NonResourceAttributes != nil {
		errs = append(errs, field.Invalid(path.Child("nonResourceAttributes"), spec.NonResourceAttributes, "disallowed on this kind of request"))
	}
	return errs
}
