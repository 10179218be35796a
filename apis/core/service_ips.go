// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
)

// validateClusterIPs checks that clusterIP, clusterIPs, ipFamilies and ipFamilyPolicy agree.
func validateClusterIPs(s *corev1.Service, path *field.Path) field.ErrorList {
	if isExternalName(s) {
		return nil
	}
	spec, all := &s.Spec, path.Child("clusterIPs")
	var errs field.ErrorList
	switch {
	case len(spec.ClusterIPs) == 0 && spec.ClusterIP != "":
		errs = append(errs, field.Required(all, ""))
	case len(spec.ClusterIPs) > 0 && spec.ClusterIP == "":
		errs = append(errs, field.Invalid(all, spec.ClusterIPs, "must be empty when `clusterIP` is not specified"))
	case len(spec.ClusterIPs) > 0 && spec.ClusterIPs[0] != spec.ClusterIP:
		errs = append(errs, field.Invalid(all, spec.ClusterIPs, "first value must match `clusterIP`"))
	}
	errs = append(errs, validateFamilies(spec, path)...)
	bad := false
	for i, ip := range spec.ClusterIPs {
		if i == 0 && ip == corev1.ClusterIPNone {
			if len(spec.ClusterIPs) > 1 {
				bad = true
				errs = append(errs, field.Invalid(all, spec.ClusterIPs, "'None' must be the first and only value"))
			}
			continue
		}
		if invalid := validation.IsValidIPForLegacyField(all.Index(i), ip, false, nil); len(invalid) > 0 {
			bad = true
			errs = append(errs, invalid...)
		}
	}
	if len(spec.ClusterIPs) > 2 {
		errs = append(errs, field.Invalid(all, spec.ClusterIPs, "may only hold up to 2 values"))
	}
	if bad || isHeadless(s) {
		return errs
	}
	if len(spec.ClusterIPs) > 1 {
		if dual, err := netutils.IsDualStackIPStrings(spec.ClusterIPs); err == nil && !dual {
			errs = append(errs, field.Invalid(all, spec.ClusterIPs, "may specify no more than one IP for each IP family"))
		}
	}
	for i, ip := range spec.ClusterIPs {
		if i >= len(spec.IPFamilies) {
			break
		}
		if v6 := netutils.IsIPv6String(ip); v6 != (spec.IPFamilies[i] == corev1.IPv6Protocol) {
			errs = append(errs, field.Invalid(all.Index(i), ip,
				fmt.Sprintf("expected an %s value as indicated by `ipFamilies[%d]`", spec.IPFamilies[i], i)))
		}
	}
	return errs
}

func validateFamilies(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	families := []corev1.IPFamily{corev1.IPv4Protocol, corev1.IPv6Protocol}
	seen := sets.New[corev1.IPFamily]()
	for i, family := range spec.IPFamilies {
		at := path.Child("ipFamilies").Index(i)
		if !slices.Contains(families, family) {
			errs = append(errs, field.NotSupported(at, family, families))
		}
		if seen.Has(family) {
			errs = append(errs, field.Duplicate(at, family))
		}
		seen.Insert(family)
	}
	policies := []corev1.IPFamilyPolicy{corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack, corev1.IPFamilyPolicySingleStack}
	if policy := spec.IPFamilyPolicy; policy != nil && !slices.Contains(policies, *policy) {
		errs = append(errs, field.NotSupported(path.Child("ipFamilyPolicy"), *policy, policies))
	}
	return errs
}

// validateKeptClusterIPs holds a service to its first address and family; the second may come, and go when the service
// says that it wants only one.
func validateKeptClusterIPs(s, old *corev1.Service, path *field.Path) field.ErrorList {
	if isExternalName(s) || isExternalName(old) {
		return nil
	}
	single := s.Spec.IPFamilyPolicy != nil && *s.Spec.IPFamilyPolicy == corev1.IPFamilyPolicySingleStack
	var errs field.ErrorList
	keep := func(now, before []string, shown any, name, what string) {
		at := path.Child(name)
		switch {
		case len(before) == 0:
		case len(now) == 0:
			errs = append(errs, field.Invalid(at.Index(0), shown, fmt.Sprintf("primary %s can not be unset", what)))
		case now[0] != before[0]:
			errs = append(errs, field.Invalid(at.Index(0), shown, "may not change once set"))
		case len(before) < 2:
		case len(now) < 2:
			if !single {
				errs = append(errs, field.Invalid(at.Index(1), shown,
					fmt.Sprintf("`ipFamilyPolicy` must be set to 'SingleStack' when releasing the secondary %s", what)))
			}
		case now[1] != before[1]:
			errs = append(errs, field.Invalid(at.Index(1), shown, "may not change once set"))
		}
	}
	keep(s.Spec.ClusterIPs, old.Spec.ClusterIPs, s.Spec.ClusterIPs, "clusterIPs", "clusterIP")
	keep(texts(s.Spec.IPFamilies), texts(old.Spec.IPFamilies), s.Spec.IPFamilies, "ipFamilies", "ipFamily")
	return errs
}

func texts[T ~string](list []T) []string {
	all := make([]string, 0, len(list))
	for _, item := range list {
		all = append(all, string(item))
	}
	return all
}
