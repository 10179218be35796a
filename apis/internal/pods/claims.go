// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateResourceClaims returns the names of the claims that containers may use beside the errors.
func validateResourceClaims(claims []corev1.PodResourceClaim, path *field.Path) (sets.Set[string], field.ErrorList) {
	var errs field.ErrorList
	names := sets.New[string]()
	for i, claim := range claims {
		at := path.Index(i)
		if names.Has(claim.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), claim.Name))
		} else if claim.Name != "" {
			names.Insert(claim.Name)
		}
		errs = append(errs, dnsLabel(claim.Name, at.Child("name"))...)
		switch {
		case claim.ResourceClaimName != nil && claim.ResourceClaimTemplateName != nil:
			errs = append(errs, field.Invalid(at, claim, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"))
		case claim.ResourceClaimName == nil && claim.ResourceClaimTemplateName == nil:
			errs = append(errs, field.Invalid(at, claim, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"))
		}
		subdomain := func(name *string, at *field.Path) {
			if name != nil {
				errs = append(errs, invalid(at, *name, validation.IsDNS1123Subdomain(*name))...)
			}
		}
		subdomain(claim.ResourceClaimName, at.Child("resourceClaimName"))
		subdomain(claim.ResourceClaimTemplateName, at.Child("resourceClaimTemplateName"))
	}
	return names, errs
}

// validateUsedClaims checks the claims that a container uses: claims of the pod, each once, or single requests of them.
func validateUsedClaims(used []corev1.ResourceClaim, claims sets.Set[string], path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, claim := range used {
		at := path.Index(i)
		if claim.Name == "" {
			errs = append(errs, field.Required(at.Child("name"), ""))
			continue
		}
		key := claim.Name
		if claim.Request != "" {
			key += "/" + claim.Request
			errs = append(errs, dnsLabel(claim.Request, at.Child("request"))...)
		}
		if seen.Has(key) || seen.Has(claim.Name) {
			errs = append(errs, field.Duplicate(at, key))
		}
		seen.Insert(key)
		if !claims.Has(claim.Name) {
			errs = append(errs, field.NotFound(at.Child("name"), claim.Name))
		}
	}
	return errs
}
