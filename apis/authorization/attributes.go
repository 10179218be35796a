// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authorization

import (
	"fmt"

	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateAttributes checks that a question is about a resource or about a path, and not about both.
func validateAttributes(resource *authorizationv1.ResourceAttributes, other *authorizationv1.NonResourceAttributes, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if resource != nil && other != nil {
		errs = append(errs, field.Invalid(path.Child("nonResourceAttributes"), other, "cannot be specified in combination with resourceAttributes"))
	}
	if resource == nil && other == nil {
		errs = append(errs, field.Invalid(path.Child("resourceAttributes"), other, "exactly one of nonResourceAttributes or resourceAttributes must be specified"))
	}
	if resource == nil {
		return errs
	}
	at := path.Child("resourceAttributes")
	if fields := resource.FieldSelector; fields != nil {
		errs = append(errs, validateFieldSelector(fields, at.Child("fieldSelector"))...)
	}
	if labels := resource.LabelSelector; labels != nil {
		errs = append(errs, validateLabelSelector(labels, at.Child("labelSelector"))...)
	}
	return errs
}

// Operators that this server does not know are let through: a newer client may ask about them, and the answer is then
// made without the requirement, which can only be stricter.

func validateFieldSelector(selector *authorizationv1.FieldSelectorAttributes, path *field.Path) field.ErrorList {
	errs := validateOneForm(selector.RawSelector, len(selector.Requirements), path)
	for i, requirement := range selector.Requirements {
		errs = append(errs, metav1validation.ValidateFieldSelectorRequirement(requirement,
			metav1validation.FieldSelectorValidationOptions{AllowUnknownOperatorInRequirement: true},
			path.Child("requirements").Index(i))...)
	}
	return errs
}

func validateLabelSelector(selector *authorizationv1.LabelSelectorAttributes, path *field.Path) field.ErrorList {
	errs := validateOneForm(selector.RawSelector, len(selector.Requirements), path)
	for i, requirement := range selector.Requirements {
		errs = append(errs, metav1validation.ValidateLabelSelectorRequirement(requirement,
			metav1validation.LabelSelectorValidationOptions{AllowUnknownOperatorInRequirement: true},
			path.Child("requirements").Index(i))...)
	}
	return errs
}

func validateOneForm(raw string, requirements int, path *field.Path) field.ErrorList {
	switch {
	case raw != "" && requirements > 0:
		return field.ErrorList{field.Invalid(path.Child("rawSelector"), raw, "may not specified at the same time as requirements")}
	case raw == "" && requirements == 0:
		return field.ErrorList{field.Required(path.Child("requirements"),
			fmt.Sprintf("when %s is specified, requirements or rawSelector is required", path))}
	default:
		return nil
	}
}

// validateNoMetadata checks that a question carries no metadata but the namespace that its path may have.
func validateNoMetadata(metadata metav1.ObjectMeta, namespaced bool) field.ErrorList {
	rest := metadata
	rest.ManagedFields = nil
	message := "must be empty"
	if namespaced {
		rest.Namespace = ""
		message = "must be empty except for namespace"
	}
	if equality.Semantic.DeepEqual(rest, metav1.ObjectMeta{}) {
		return nil
	}
	return field.ErrorList{field.Invalid(field.NewPath("metadata"), metadata, message)}
}
