// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package allocator

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// settleFamilies fills in which IP families a service has, from what it says and what the cluster has (first the
// default). What cannot be is an error, in the words of Kubernetes; old is nil on create.
func settleFamilies(s, old *corev1.Service, cluster []corev1.IPFamily) field.ErrorList {
	spec := &s.Spec
	if spec.Type == corev1.ServiceTypeExternalName {
		return nil
	}
	if old != nil {
		trimToSingle(s, old)
	}
	families := familiesOf(spec.ClusterIPs)
	headless := isHeadless(s)
	withoutSelector := headless && len(spec.Selector) == 0
	if spec.IPFamilyPolicy == nil {
		policy := corev1.IPFamilyPolicySingleStack
		if len(spec.IPFamilies) > 1 || len(spec.ClusterIPs) > 1 || withoutSelector {
			policy = corev1.IPFamilyPolicyRequireDualStack
		}
		spec.IPFamilyPolicy = ptr.To(policy)
	}
	policy := *spec.IPFamilyPolicy
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = slices.Clone(families)
	}
	if len(spec.IPFamilies) == 0 {
		spec.IPFamilies = []corev1.IPFamily{cluster[0]}
	}
	if withoutSelector {
		// Whoever fills in the endpoints knows which families they have, so the cluster's do not matter.
		if policy != corev1.IPFamilyPolicySingleStack && len(spec.IPFamilies) == 1 {
			spec.IPFamilies = append(spec.IPFamilies, other(spec.IPFamilies[0]))
		}
		return nil
	}
	if errs := checkFamilies(s, cluster); len(errs) > 0 {
		return errs
	}
	if policy != corev1.IPFamilyPolicySingleStack && len(spec.IPFamilies) == 1 && len(cluster) == 2 {
		spec.IPFamilies = append(spec.IPFamilies, other(spec.IPFamilies[0]))
	}
	return nil
}

func checkFamilies(s *corev1.Service, cluster []corev1.IPFamily) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec")
	for i, f := range s.Spec.IPFamilies {
		if !slices.Contains(cluster, f) {
			errs = append(errs, field.Invalid(path.Child("ipFamilies").Index(i), f, "not configured on this cluster"))
		}
	}
	if *s.Spec.IPFamilyPolicy == corev1.IPFamilyPolicyRequireDualStack && len(cluster) < 2 {
		errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), *s.Spec.IPFamilyPolicy,
			"this cluster is not configured for dual-stack services"))
	}
	if *s.Spec.IPFamilyPolicy == corev1.IPFamilyPolicySingleStack {
		if len(s.Spec.IPFamilies) > 1 {
			errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), *s.Spec.IPFamilyPolicy,
				"must be RequireDualStack or PreferDualStack when multiple ipFamilies are specified"))
		}
		if len(s.Spec.ClusterIPs) > 1 {
			errs = append(errs, field.Invalid(path.Child("ipFamilyPolicy"), *s.Spec.IPFamilyPolicy,
				"must be RequireDualStack or PreferDualStack when multiple clusterIPs are specified"))
		}
	}
	for i, f := range familiesOf(s.Spec.ClusterIPs) {
		if i < len(s.Spec.IPFamilies) && s.Spec.IPFamilies[i] != f {
			errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(i), s.Spec.ClusterIPs[i],
				"expected an "+string(s.Spec.IPFamilies[i])+" value as indicated by `ipFamilies["+string(rune('0'+i))+"]`"))
		}
	}
	return errs
}

// trimToSingle drops the second family of a service that was dual-stack when the update says SingleStack and leaves the
// rest as it was.
func trimToSingle(s, old *corev1.Service) {
	if ptr.Deref(s.Spec.IPFamilyPolicy, "") != corev1.IPFamilyPolicySingleStack ||
		ptr.Deref(old.Spec.IPFamilyPolicy, corev1.IPFamilyPolicySingleStack) == corev1.IPFamilyPolicySingleStack {
		return
	}
	if len(s.Spec.ClusterIPs) > 1 && slices.Equal(s.Spec.ClusterIPs, old.Spec.ClusterIPs) {
		s.Spec.ClusterIPs = s.Spec.ClusterIPs[:1]
	}
	if len(s.Spec.IPFamilies) > 1 && slices.Equal(s.Spec.IPFamilies, old.Spec.IPFamilies) {
		s.Spec.IPFamilies = s.Spec.IPFamilies[:1]
	}
}

// familiesOf are the families of addresses; nil when one of them is none.
func familiesOf(ips []string) []corev1.IPFamily {
	var families []corev1.IPFamily
	for _, ip := range ips {
		addr, err := netip.ParseAddr(ip)
		if err != nil {
			return nil
		}
		families = append(families, familyOf(addr))
	}
	return families
}

func other(f corev1.IPFamily) corev1.IPFamily {
	if f == corev1.IPv4Protocol {
		return corev1.IPv6Protocol
	}
	return corev1.IPv4Protocol
}

func isHeadless(s *corev1.Service) bool {
	return s.Spec.ClusterIP == corev1.ClusterIPNone || (len(s.Spec.ClusterIPs) > 0 && s.Spec.ClusterIPs[0] == corev1.ClusterIPNone)
}
