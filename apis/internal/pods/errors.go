// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"path"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// invalid turns messages about one value into errors.
func invalid(at *field.Path, value any, messages []string) field.ErrorList {
	var errs field.ErrorList
	for _, message := range messages {
		errs = append(errs, field.Invalid(at, value, message))
	}
	return errs
}

// required refuses an empty string.
func required(value string, at *field.Path) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	return nil
}

// oneOf refuses values that are not allowed.
func oneOf[T ~string](value T, at *field.Path, allowed ...T) field.ErrorList {
	if slices.Contains(allowed, value) {
		return nil
	}
	allowed = slices.Sorted(slices.Values(allowed))
	return field.ErrorList{field.NotSupported(at, value, allowed)}
}

// requiredOneOf refuses an empty value as missing, and others that are not allowed.
func requiredOneOf[T ~string](value T, at *field.Path, allowed ...T) field.ErrorList {
	if value == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	return oneOf(value, at, allowed...)
}

// dnsLabel checks a name that must be a DNS-1123 label.
func dnsLabel(value string, at *field.Path) field.ErrorList {
	return invalid(at, value, validation.IsDNS1123Label(value))
}

// port checks a port given by number or by name.
func port(value intstr.IntOrString, at *field.Path) field.ErrorList {
	if value.Type == intstr.String {
		return invalid(at, value.StrVal, validation.IsValidPortName(value.StrVal))
	}
	return invalid(at, value.IntValue(), validation.IsValidPortNum(value.IntValue()))
}

// noBacksteps refuses ".." as an element of a path.
func noBacksteps(value string, at *field.Path) field.ErrorList {
	if slices.Contains(strings.Split(value, "/"), "..") {
		return field.ErrorList{field.Invalid(at, value, "must not contain '..'")}
	}
	return nil
}

// descendingPath checks a path that must stay below the directory it is relative to.
func descendingPath(value string, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if path.IsAbs(value) {
		errs = append(errs, field.Invalid(at, value, "must be a relative path"))
	}
	return append(errs, noBacksteps(value, at)...)
}

// filePath checks the path of a file that a volume will write; names that begin with ".." belong to the node agent,
// which swaps whole directories through them.
func filePath(value string, at *field.Path) field.ErrorList {
	errs := descendingPath(value, at)
	if strings.HasPrefix(value, "..") && !strings.HasPrefix(value, "../") {
		errs = append(errs, field.Invalid(at, value, "must not start with '..'"))
	}
	return errs
}

const modeMessage = "must be a number between 0 and 0777 (octal), both inclusive"

func fileMode(mode *int32, at *field.Path) field.ErrorList {
	if mode != nil && (*mode < 0 || *mode > 0o777) {
		return field.ErrorList{field.Invalid(at, *mode, modeMessage)}
	}
	return nil
}
