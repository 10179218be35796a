// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package autoscaling

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

const (
	valueOrAverageRequired     = "must set either a target value for metric or a per-pod target value"
	rawOrUtilizationRequired   = "must set either a target raw value or a target utilization"
	rawAndUtilizationForbidden = "may not set both a target raw value and a target utilization"
)

func validateMetrics(spec *autoscalingv2.HorizontalPodAutoscalerSpec, described referenceRules, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	fromOutside := false
	for i := range spec.Metrics {
		metric := &spec.Metrics[i]
		errs = append(errs, validateMetric(metric, described, path.Index(i))...)
		if metric.Type == autoscalingv2.ObjectMetricSourceType || metric.Type == autoscalingv2.ExternalMetricSourceType {
			fromOutside = true
		}
	}
	// Metrics of pods say nothing once there are none.
	if ptr.Deref(spec.MinReplicas, 1) == 0 && !fromOutside {
		errs = append(errs, field.Forbidden(path, "must specify at least one Object or External metric to support scaling to zero replicas"))
	}
	return errs
}

// source is one of the fields of a metric of which exactly one is set, the one that the type names.
type source struct {
	name     string
	of       autoscalingv2.MetricSourceType
	set      bool
	validate func(path *field.Path) field.ErrorList
}

func sourcesOf(metric *autoscalingv2.MetricSpec, described referenceRules) []source {
	return []source{
		{"containerResource", autoscalingv2.ContainerResourceMetricSourceType, metric.ContainerResource != nil, func(path *field.Path) field.ErrorList {
			return validateContainerResource(metric.ContainerResource, path)
		}},
		{"external", autoscalingv2.ExternalMetricSourceType, metric.External != nil, func(path *field.Path) field.ErrorList {
			return validateExternal(metric.External, path)
		}},
		{"object", autoscalingv2.ObjectMetricSourceType, metric.Object != nil, func(path *field.Path) field.ErrorList {
			return validateObject(metric.Object, described, path)
		}},
		{"pods", autoscalingv2.PodsMetricSourceType, metric.Pods != nil, func(path *field.Path) field.ErrorList {
			return validatePods(metric.Pods, path)
		}},
		{"resource", autoscalingv2.ResourceMetricSourceType, metric.Resource != nil, func(path *field.Path) field.ErrorList {
			return validateResource(metric.Resource, path)
		}},
	}
}

func validateMetric(metric *autoscalingv2.MetricSpec, described referenceRules, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if metric.Type == "" {
		errs = append(errs, field.Required(path.Child("type"), "must specify a metric source type"))
	}
	sources := sourcesOf(metric, described)
	known := make([]autoscalingv2.MetricSourceType, 0, len(sources))
	matched := false
	for _, s := range sources {
		known = append(known, s.of)
		matched = matched || s.of == metric.Type
	}
	if !matched {
		errs = append(errs, field.NotSupported(path.Child("type"), metric.Type, known))
	}
	for _, s := range sources {
		switch {
		case s.of == metric.Type && !s.set:
			errs = append(errs, field.Required(path.Child(s.name), "must populate information for the given metric source"))
		case s.of != metric.Type && s.set:
			errs = append(errs, field.Forbidden(path.Child(s.name), "must populate the given metric source only"))
		case s.set:
			errs = append(errs, s.validate(path.Child(s.name))...)
		}
	}
	return errs
}

func validateObject(source *autoscalingv2.ObjectMetricSource, described referenceRules, path *field.Path) field.ErrorList {
	errs := validateReference(&source.DescribedObject, described, path.Child("describedObject"))
	errs = append(errs, validateSegment(source.Metric.Name, "must specify a metric name", path.Child("metric", "name"))...)
	errs = append(errs, validateTarget(&source.Target, path.Child("target"))...)
	if source.Target.Value == nil && source.Target.AverageValue == nil {
		errs = append(errs, field.Required(path.Child("target", "averageValue"), valueOrAverageRequired))
	}
	return errs
}

func validateExternal(source *autoscalingv2.ExternalMetricSource, path *field.Path) field.ErrorList {
	errs := validateSegment(source.Metric.Name, "must specify a metric name", path.Child("metric", "name"))
	errs = append(errs, validateTarget(&source.Target, path.Child("target"))...)
	switch {
	case source.Target.Value == nil && source.Target.AverageValue == nil:
		errs = append(errs, field.Required(path.Child("target", "averageValue"), valueOrAverageRequired))
	case source.Target.Value != nil && source.Target.AverageValue != nil:
		errs = append(errs, field.Forbidden(path.Child("target", "value"), "may not set both a target value for metric and a per-pod target value"))
	}
	return errs
}

func validatePods(source *autoscalingv2.PodsMetricSource, path *field.Path) field.ErrorList {
	errs := validateSegment(source.Metric.Name, "must specify a metric name", path.Child("metric", "name"))
	errs = append(errs, validateTarget(&source.Target, path.Child("target"))...)
	if average := source.Target.AverageValue; average == nil || average.Sign() <= 0 {
		errs = append(errs, field.Required(path.Child("target", "averageValue"), "must specify a positive target averageValue"))
	}
	return errs
}

func validateResource(source *autoscalingv2.ResourceMetricSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if source.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "must specify a resource name"))
	}
	errs = append(errs, validateTarget(&source.Target, path.Child("target"))...)
	return append(errs, validateUtilization(&source.Target, path.Child("target"))...)
}

func validateContainerResource(source *autoscalingv2.ContainerResourceMetricSource, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if source.Name == "" {
		errs = append(errs, field.Required(path.Child("name"), "must specify a resource name"))
	}
	if source.Container == "" {
		errs = append(errs, field.Required(path.Child("container"), "must specify a container"))
	}
	errs = append(errs, validateTarget(&source.Target, path.Child("target"))...)
	return append(errs, validateUtilization(&source.Target, path.Child("target"))...)
}

func validateUtilization(target *autoscalingv2.MetricTarget, path *field.Path) field.ErrorList {
	switch {
	case target.AverageUtilization == nil && target.AverageValue == nil:
		return field.ErrorList{field.Required(path.Child("averageUtilization"), rawOrUtilizationRequired)}
	case target.AverageUtilization != nil && target.AverageValue != nil:
		return field.ErrorList{field.Forbidden(path.Child("averageValue"), rawAndUtilizationForbidden)}
	default:
		return nil
	}
}

func validateTarget(target *autoscalingv2.MetricTarget, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	if target.Type == "" {
		errs = append(errs, field.Required(path.Child("type"), "must specify a metric target type"))
	}
	switch target.Type {
	case autoscalingv2.UtilizationMetricType, autoscalingv2.ValueMetricType, autoscalingv2.AverageValueMetricType:
	default:
		errs = append(errs, field.Invalid(path.Child("type"), target.Type, "must be either Utilization, Value, or AverageValue"))
	}
	if target.Value != nil && target.Value.Sign() != 1 {
		errs = append(errs, field.Invalid(path.Child("value"), target.Value, "must be positive"))
	}
	if target.AverageValue != nil && target.AverageValue.Sign() != 1 {
		errs = append(errs, field.Invalid(path.Child("averageValue"), target.AverageValue, "must be positive"))
	}
	if target.AverageUtilization != nil && *target.AverageUtilization < 1 {
		errs = append(errs, field.Invalid(path.Child("averageUtilization"), *target.AverageUtilization, "must be greater than 0"))
	}
	return errs
}
