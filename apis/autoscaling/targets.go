// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package autoscaling

import (
	"fmt"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"

	"coxswain.dev/coxswain/apis/internal/meta"
)

const unknown = "<unknown>"

// targetsOf is the table cell with what the metrics are and should be. The controller writes the status of a metric at
// the place that the metric has in the spec.
func targetsOf(hpa *autoscalingv2.HorizontalPodAutoscaler) string {
	specs, statuses := hpa.Spec.Metrics, hpa.Status.CurrentMetrics
	if len(specs) == 0 {
		return "<none>"
	}
	list := make([]string, 0, len(specs))
	for i := range specs {
		status := autoscalingv2.MetricStatus{}
		if i < len(statuses) {
			status = statuses[i]
		}
		list = append(list, targetOf(&specs[i], &status))
	}
	return meta.FirstFew(list, 2, ", ")
}

func targetOf(spec *autoscalingv2.MetricSpec, status *autoscalingv2.MetricStatus) string {
	var current autoscalingv2.MetricValueStatus
	switch {
	case spec.Type == autoscalingv2.ExternalMetricSourceType && spec.External != nil:
		if status.External != nil {
			current = status.External.Current
		}
		return valueOrAverage(current, spec.External.Target)
	case spec.Type == autoscalingv2.ObjectMetricSourceType && spec.Object != nil:
		if status.Object != nil {
			current = status.Object.Current
		}
		return valueOrAverage(current, spec.Object.Target)
	case spec.Type == autoscalingv2.PodsMetricSourceType && spec.Pods != nil:
		if status.Pods != nil {
			current = status.Pods.Current
		}
		return fmt.Sprintf("%s/%s", quantity(current.AverageValue), quantity(spec.Pods.Target.AverageValue))
	case spec.Type == autoscalingv2.ResourceMetricSourceType && spec.Resource != nil:
		if status.Resource != nil {
			current = status.Resource.Current
		}
		return fmt.Sprintf("%s: %s", spec.Resource.Name, utilization(current, spec.Resource.Target))
	case spec.Type == autoscalingv2.ContainerResourceMetricSourceType && spec.ContainerResource != nil:
		if status.ContainerResource != nil {
			current = status.ContainerResource.Current
		}
		return fmt.Sprintf("%s: %s", spec.ContainerResource.Name, utilization(current, spec.ContainerResource.Target))
	default:
		return "<unknown type>"
	}
}

func valueOrAverage(current autoscalingv2.MetricValueStatus, target autoscalingv2.MetricTarget) string {
	if target.AverageValue != nil {
		return fmt.Sprintf("%s/%s (avg)", quantity(current.AverageValue), quantity(target.AverageValue))
	}
	return fmt.Sprintf("%s/%s", quantity(current.Value), quantity(target.Value))
}

func utilization(current autoscalingv2.MetricValueStatus, target autoscalingv2.MetricTarget) string {
	if target.AverageValue != nil {
		return fmt.Sprintf("%s/%s", quantity(current.AverageValue), quantity(target.AverageValue))
	}
	return fmt.Sprintf("%s/%s", percent(current.AverageUtilization, unknown), percent(target.AverageUtilization, "<auto>"))
}

// quantity formats a copy: a Quantity keeps the string that it once made, and rows are made of objects that others read
// at the same time.
func quantity(q *resource.Quantity) string {
	if q == nil {
		return unknown
	}
	copied := q.DeepCopy()
	return copied.String()
}

func percent(p *int32, unset string) string {
	if p == nil {
		return unset
	}
	return fmt.Sprintf("%d%%", *p)
}
