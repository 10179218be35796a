// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"net"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validateServiceStatus(s, _ *corev1.Service) field.ErrorList {
	// Conditions are not looked at, as in Kubernetes: clients set some without a time.
	var errs field.ErrorList
	path := field.NewPath("status", "loadBalancer", "ingress")
	if !isLoadBalancer(s) && len(s.Status.LoadBalancer.Ingress) > 0 {
		return append(errs, field.Forbidden(path, "may only be used when `spec.type` is \"LoadBalancer\""))
	}
	for i, ingress := range s.Status.LoadBalancer.Ingress {
		at := path.Index(i)
		if ingress.IP != "" {
			errs = append(errs, validation.IsValidIPForLegacyField(at.Child("ip"), ingress.IP, false, nil)...)
		}
		switch mode := ingress.IPMode; {
		case mode == nil && ingress.IP != "":
			errs = append(errs, field.Required(at.Child("ipMode"), "must be specified when `ip` is set"))
		case mode != nil && ingress.IP == "":
			errs = append(errs, field.Forbidden(at.Child("ipMode"), "may not be specified when `ip` is not set"))
		case mode != nil && *mode != corev1.LoadBalancerIPModeProxy && *mode != corev1.LoadBalancerIPModeVIP:
			errs = append(errs, field.NotSupported(at.Child("ipMode"), *mode, []corev1.LoadBalancerIPMode{
				corev1.LoadBalancerIPModeProxy, corev1.LoadBalancerIPModeVIP}))
		}
		if name := ingress.Hostname; name != "" {
			errs = append(errs, invalidName(at.Child("hostname"), name, validation.IsDNS1123Subdomain(name))...)
			if net.ParseIP(name) != nil {
				errs = append(errs, field.Invalid(at.Child("hostname"), name, "must be a DNS name, not an IP address"))
			}
		}
	}
	return errs
}

func serviceWarnings(s, old *corev1.Service) []string {
	if old != nil && apiequality.Semantic.DeepEqual(s.Spec, old.Spec) {
		return nil
	}
	path := field.NewPath("spec")
	var warnings []string
	for i, ip := range s.Spec.ExternalIPs {
		warnings = append(warnings, validation.GetWarningsForIP(path.Child("externalIPs").Index(i), ip)...)
	}
	if !isHeadless(s) {
		for i, ip := range s.Spec.ClusterIPs {
			warnings = append(warnings, validation.GetWarningsForIP(path.Child("clusterIPs").Index(i), ip)...)
		}
	}
	if s.Spec.LoadBalancerIP != "" {
		warnings = append(warnings, validation.GetWarningsForIP(path.Child("loadBalancerIP"), s.Spec.LoadBalancerIP)...)
	}
	for i, cidr := range s.Spec.LoadBalancerSourceRanges {
		warnings = append(warnings, validation.GetWarningsForCIDR(path.Child("loadBalancerSourceRanges").Index(i), cidr)...)
	}
	if isExternalName(s) && len(s.Spec.ExternalIPs) > 0 {
		warnings = append(warnings, fmt.Sprintf("spec.externalIPs is ignored when spec.type is %q", corev1.ServiceTypeExternalName))
	}
	if !isExternalName(s) && s.Spec.ExternalName != "" {
		warnings = append(warnings, fmt.Sprintf("spec.externalName is ignored when spec.type is not %q", corev1.ServiceTypeExternalName))
	}
	if isHeadless(s) {
		if s.Spec.LoadBalancerIP != "" {
			warnings = append(warnings, "spec.loadBalancerIP is ignored for headless services")
		}
		if len(s.Spec.ExternalIPs) > 0 {
			warnings = append(warnings, "spec.externalIPs is ignored for headless services")
		}
		if s.Spec.SessionAffinity != corev1.ServiceAffinityNone {
			warnings = append(warnings, "spec.SessionAffinity is ignored for headless services")
		}
	}
	return warnings
}
