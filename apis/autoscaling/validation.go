// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package autoscaling

import (
	"errors"
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/validate/content"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta"
)

const (
	maxStabilizationSeconds = 3600
	maxPeriodSeconds        = 1800
)

func validateAutoscaler(hpa, old *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	path := field.NewPath("spec")
	spec := &hpa.Spec
	errs := validateReplicas(spec, old, path)
	errs = append(errs, validateReference(&spec.ScaleTargetRef, targetRules(hpa, old), path.Child("scaleTargetRef"))...)
	errs = append(errs, validateMetrics(spec, objectRules(old), path.Child("metrics"))...)
	if behavior := spec.Behavior; behavior != nil {
		errs = append(errs, validateRules(behavior.ScaleUp, path.Child("behavior", "scaleUp"))...)
		errs = append(errs, validateRules(behavior.ScaleDown, path.Child("behavior", "scaleDown"))...)
	}
	return errs
}

func validateReplicas(spec *autoscalingv2.HorizontalPodAutoscalerSpec, old *autoscalingv2.HorizontalPodAutoscaler, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	// Scaling to zero is off by default in Kubernetes; an object that already does it may stay so.
	least := int32(1)
	if old != nil && ptr.Deref(old.Spec.MinReplicas, 1) == 0 {
		least = 0
	}
	if minimum := spec.MinReplicas; minimum != nil && *minimum < least {
		errs = append(errs, field.Invalid(path.Child("minReplicas"), *minimum, content.MinError(least)))
	}
	at := path.Child("maxReplicas")
	switch {
	case spec.MaxReplicas == 0:
		errs = append(errs, field.Required(at, ""))
	case spec.MaxReplicas < 1:
		errs = append(errs, field.Invalid(at, spec.MaxReplicas, content.MinError(1)))
	}
	if minimum := spec.MinReplicas; minimum != nil && spec.MaxReplicas < *minimum {
		errs = append(errs, field.Invalid(at, spec.MaxReplicas, "must be greater than or equal to `minReplicas`"))
	}
	return errs
}

// referenceRules are how strictly the apiVersion of a reference is looked at.
type referenceRules struct {
	anyVersion bool // not looked at
	coreGroup  bool // may be of the core group
}

func targetRules(hpa, old *autoscalingv2.HorizontalPodAutoscaler) referenceRules {
	ref := &hpa.Spec.ScaleTargetRef
	if old != nil && old.Spec.ScaleTargetRef.APIVersion == ref.APIVersion && old.Spec.ScaleTargetRef.Kind == ref.Kind {
		return referenceRules{anyVersion: true}
	}
	// It is the only kind of the core group with a scale.
	return referenceRules{coreGroup: ref.Kind == "ReplicationController"}
}

// objectRules lets every apiVersion of a described object through once a wrong one is stored.
func objectRules(old *autoscalingv2.HorizontalPodAutoscaler) referenceRules {
	rules := referenceRules{coreGroup: true}
	if old == nil {
		return rules
	}
	for i := range old.Spec.Metrics {
		if object := old.Spec.Metrics[i].Object; object != nil && checkAPIVersion(object.DescribedObject.APIVersion, true) != nil {
			rules.anyVersion = true
		}
	}
	return rules
}

func validateReference(ref *autoscalingv2.CrossVersionObjectReference, rules referenceRules, path *field.Path) field.ErrorList {
	errs := validateSegment(ref.Kind, "", path.Child("kind"))
	errs = append(errs, validateSegment(ref.Name, "", path.Child("name"))...)
	if rules.anyVersion {
		return errs
	}
	at := path.Child("apiVersion")
	if err := checkAPIVersion(ref.APIVersion, rules.coreGroup); err != nil {
		errs = append(errs, field.Invalid(at, ref.APIVersion, err.Error()))
	}
	return errs
}

func checkAPIVersion(apiVersion string, coreGroup bool) error {
	version, err := schema.ParseGroupVersion(apiVersion)
	if err == nil && version.Group == "" && !coreGroup {
		return errors.New("apiVersion must specify API group")
	}
	return err
}

func validateSegment(name, missing string, path *field.Path) field.ErrorList {
	if name == "" {
		return field.ErrorList{field.Required(path, missing)}
	}
	return meta.Invalid(path, name, content.IsPathSegmentName(name))
}

func validateRules(rules *autoscalingv2.HPAScalingRules, path *field.Path) field.ErrorList {
	if rules == nil {
		return nil
	}
	var errs field.ErrorList
	if seconds := rules.StabilizationWindowSeconds; seconds != nil {
		at := path.Child("stabilizationWindowSeconds")
		if *seconds < 0 {
			errs = append(errs, field.Invalid(at, *seconds, "must be greater than or equal to zero"))
		}
		if *seconds > maxStabilizationSeconds {
			errs = append(errs, field.Invalid(at, *seconds, fmt.Sprintf("must be less than or equal to %v", maxStabilizationSeconds)))
		}
	}
	if choice := rules.SelectPolicy; choice != nil {
		switch *choice {
		case autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect, autoscalingv2.DisabledPolicySelect:
		default:
			errs = append(errs, field.NotSupported(path.Child("selectPolicy"), *choice, []autoscalingv2.ScalingPolicySelect{
				autoscalingv2.DisabledPolicySelect, autoscalingv2.MaxChangePolicySelect, autoscalingv2.MinChangePolicySelect}))
		}
	}
	at := path.Child("policies")
	if len(rules.Policies) == 0 {
		errs = append(errs, field.Required(at, "must specify at least one Policy"))
	}
	for i := range rules.Policies {
		errs = append(errs, validatePolicy(&rules.Policies[i], at.Index(i))...)
	}
	if tolerance := rules.Tolerance; tolerance != nil && tolerance.Sign() < 0 {
		errs = append(errs, field.Invalid(path.Child("tolerance"), tolerance.String(), apivalidation.IsNegativeErrorMsg))
	}
	return errs
}

func validatePolicy(policy *autoscalingv2.HPAScalingPolicy, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if policy.Type != autoscalingv2.PodsScalingPolicy && policy.Type != autoscalingv2.PercentScalingPolicy {
		errs = append(errs, field.NotSupported(path.Child("type"), policy.Type, []autoscalingv2.HPAScalingPolicyType{
			autoscalingv2.PercentScalingPolicy, autoscalingv2.PodsScalingPolicy}))
	}
	if policy.Value <= 0 {
		errs = append(errs, field.Invalid(path.Child("value"), policy.Value, "must be greater than zero"))
	}
	if policy.PeriodSeconds <= 0 {
		errs = append(errs, field.Invalid(path.Child("periodSeconds"), policy.PeriodSeconds, "must be greater than zero"))
	}
	if policy.PeriodSeconds > maxPeriodSeconds {
		errs = append(errs, field.Invalid(path.Child("periodSeconds"), policy.PeriodSeconds,
			fmt.Sprintf("must be less than or equal to %v", maxPeriodSeconds)))
	}
	return errs
}
