// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package meta

import (
	"strconv"
	"strings"

	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateNonNegative checks a number that may be zero.
func ValidateNonNegative[N int32 | int64](value N, path *field.Path) field.ErrorList {
	return apivalidation.ValidateNonnegativeField(int64(value), path)
}

// ValidateNonNegativePointer checks a number that may be unset or zero.
func ValidateNonNegativePointer[N int32 | int64](value *N, path *field.Path) field.ErrorList {
	if value == nil {
		return nil
	}
	return ValidateNonNegative(*value, path)
}

// ValidateIntOrPercent checks a number that may be zero and may be a percentage. Nil is right.
func ValidateIntOrPercent(value *intstr.IntOrString, path *field.Path) field.ErrorList {
	if value == nil {
		return nil
	}
	var errs field.ErrorList
	switch value.Type {
	case intstr.Int:
		errs = ValidateNonNegative(value.IntVal, path)
	case intstr.String:
		for _, msg := range validation.IsValidPercent(value.StrVal) {
			errs = append(errs, field.Invalid(path, *value, msg))
		}
	default:
		errs = append(errs, field.Invalid(path, *value, "must be an integer or percentage (e.g '5%%')"))
	}
	return errs
}

// ValidateAtMostAll checks that a percentage is not more than 100.
func ValidateAtMostAll(value *intstr.IntOrString, path *field.Path) field.ErrorList {
	if percent, ok := percentOf(value); ok && percent > 100 {
		return field.ErrorList{field.Invalid(path, *value, "must not be greater than 100%")}
	}
	return nil
}

// IsZero says whether a number or percentage is 0; nil is.
func IsZero(value *intstr.IntOrString) bool {
	if value == nil {
		return true
	}
	if percent, ok := percentOf(value); ok {
		return percent == 0
	}
	return value.IntValue() == 0
}

func percentOf(value *intstr.IntOrString) (int, bool) {
	if value == nil || value.Type != intstr.String || len(validation.IsValidPercent(value.StrVal)) > 0 {
		return 0, false
	}
	percent, _ := strconv.Atoi(strings.TrimSuffix(value.StrVal, "%")) // too many digits are the largest number
	return percent, true
}
