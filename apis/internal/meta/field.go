// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package meta

import (
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateImmutable checks that a field is what it was.
func ValidateImmutable(value, old any, path *field.Path) field.ErrorList {
	return apivalidation.ValidateImmutableField(value, old, path)
}

// Invalid makes one error of every message, all about the same value.
func Invalid(path *field.Path, value any, messages []string) field.ErrorList {
	errs := make(field.ErrorList, 0, len(messages))
	for _, msg := range messages {
		errs = append(errs, field.Invalid(path, value, msg))
	}
	return errs
}
