// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateSigner checks the name of a certificate signer: a domain, a slash, and a dotted path.
func validateSigner(name string, at *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(at, "")}
	}
	domain, path, ok := strings.Cut(name, "/")
	if !ok || strings.Contains(path, "/") {
		return field.ErrorList{field.Invalid(at, name, "must be a fully qualified domain and path of the form 'example.com/signer-name'")}
	}
	errs := invalid(at, domain, validation.IsDNS1123Subdomain(domain))
	if !strings.Contains(domain, ".") {
		errs = append(errs, field.Invalid(at, domain, "should be a domain with at least two segments separated by dots"))
	}
	for _, part := range strings.Split(path, ".") {
		errs = append(errs, invalid(at, path, validation.IsDNS1123Label(part))...)
	}
	return errs
}

// lastColon returns the part of a trust bundle's name after its signer.
func lastColon(name string) string {
	return name[strings.LastIndex(name, ":")+1:]
}
