// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"

	"coxswain.dev/coxswain/apis/internal/pods"
)

func validateNode(n, old *corev1.Node) field.ErrorList {
	errs := validateTaints(n.Spec.Taints, field.NewPath("spec", "taints"))
	errs = append(errs, validateNodeResources(n)...)
	if old != nil {
		return append(errs, validateNodeUpdate(n, old)...)
	}
	return append(errs, validatePodCIDRs(n)...)
}

func validateNodeStatus(n, old *corev1.Node) field.ErrorList {
	errs := validateNodeResources(n)
	errs = append(errs, validateNodeAddresses(n.Status.Addresses, field.NewPath("status", "addresses"))...)
	if !apiequality.Semantic.DeepEqual(n.Status.Config, old.Status.Config) && n.Status.Config != nil {
		errs = append(errs, field.Forbidden(field.NewPath("status", "config"), "dynamic kubelet configuration is no longer supported"))
	}
	return errs
}

func validatePodCIDRs(n *corev1.Node) field.ErrorList {
	cidrs := n.Spec.PodCIDRs
	if len(cidrs) == 0 {
		return nil
	}
	path := field.NewPath("spec", "podCIDRs")
	var errs field.ErrorList
	if n.Spec.PodCIDR != cidrs[0] {
		errs = append(errs, field.Invalid(path.Index(0), cidrs[0], "node validation: podCIDR and podCIDRs[0] must be the same"))
	}
	for i, cidr := range cidrs {
		errs = append(errs, validation.IsValidCIDRForLegacyField(path.Index(i), cidr, false, nil)...)
	}
	if len(cidrs) < 2 {
		return errs
	}
	dual, err := netutils.IsDualStackCIDRStrings(cidrs)
	if err != nil {
		errs = append(errs, field.InternalError(path, fmt.Errorf("invalid PodCIDRs. failed to check with dual stack with error:%w", err)))
	} else if !dual || len(cidrs) > 2 {
		errs = append(errs, field.Invalid(path, cidrs, "may specify no more than one CIDR for each IP family"))
	}
	return errs
}

// validateNodeUpdate holds on to what is given to a node once: its pod addresses and its machine.
func validateNodeUpdate(n, old *corev1.Node) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec")
	if len(old.Spec.PodCIDRs) > 0 {
		if !slices.Equal(n.Spec.PodCIDRs, old.Spec.PodCIDRs) {
			errs = append(errs, field.Forbidden(path.Child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid"))
		}
	} else {
		errs = append(errs, validatePodCIDRs(n)...)
	}
	if old.Spec.ProviderID != "" && old.Spec.ProviderID != n.Spec.ProviderID {
		errs = append(errs, field.Forbidden(path.Child("providerID"), "node updates may not change providerID except from \"\" to valid"))
	}
	if n.Spec.ConfigSource != nil && !apiequality.Semantic.DeepEqual(n.Spec.ConfigSource, old.Spec.ConfigSource) {
		errs = append(errs, field.Forbidden(path.Child("configSource"), "configSource may not be set"))
	}
	if n.Spec.DoNotUseExternalID != old.Spec.DoNotUseExternalID {
		errs = append(errs, field.Forbidden(path, "node updates may only change labels, taints, or capacity (or configSource, if the DynamicKubeletConfig feature gate is enabled)"))
	}
	return errs
}

func validateNodeResources(n *corev1.Node) field.ErrorList {
	var errs field.ErrorList
	check := func(list corev1.ResourceList, path *field.Path) {
		for name, quantity := range list {
			at := path.Key(string(name))
			if messages := validation.IsQualifiedName(string(name)); len(messages) > 0 {
				errs = append(errs, invalidName(at, string(name), messages)...)
			}
			errs = append(errs, pods.ValidateQuantity(name, quantity, at)...)
		}
	}
	check(n.Status.Capacity, field.NewPath("status", "capacity"))
	check(n.Status.Allocatable, field.NewPath("status", "allocatable"))
	return errs
}

func validateNodeAddresses(addresses []corev1.NodeAddress, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	seen := sets.New[corev1.NodeAddress]()
	for i, address := range addresses {
		if seen.Has(address) {
			errs = append(errs, field.Duplicate(path.Index(i), address))
		}
		seen.Insert(address)
	}
	return errs
}

func validateTaints(taints []corev1.Taint, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	type key struct {
		key    string
		effect corev1.TaintEffect
	}
	seen := sets.New[key]()
	for i, taint := range taints {
		at := path.Index(i)
		errs = append(errs, metavalidation.ValidateLabelName(taint.Key, at.Child("key"))...)
		for _, message := range validation.IsValidLabelValue(taint.Value) {
			errs = append(errs, field.Invalid(at.Child("value"), taint.Value, message))
		}
		errs = append(errs, validateEffect(taint.Effect, at.Child("effect"))...)
		if k := (key{taint.Key, taint.Effect}); seen.Has(k) {
			duplicate := field.Duplicate(at, taint)
			duplicate.Detail = "taints must be unique by key and effect pair"
			errs = append(errs, duplicate)
		} else {
			seen.Insert(k)
		}
	}
	return errs
}

func validateEffect(effect corev1.TaintEffect, at *field.Path) field.ErrorList {
	switch effect {
	case corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule, corev1.TaintEffectNoExecute:
		return nil
	case "":
		return field.ErrorList{field.Required(at, "")}
	}
	return field.ErrorList{field.NotSupported(at, effect,
		[]corev1.TaintEffect{corev1.TaintEffectNoExecute, corev1.TaintEffectNoSchedule, corev1.TaintEffectPreferNoSchedule})}
}

func invalidName(at *field.Path, value string, messages []string) field.ErrorList {
	var errs field.ErrorList
	for _, message := range messages {
		errs = append(errs, field.Invalid(at, value, message))
	}
	return errs
}
