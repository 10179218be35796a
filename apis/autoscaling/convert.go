// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package autoscaling

import (
	"encoding/json"
	"fmt"
	"maps"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
)

// The annotations in which v1 carries what it has no fields for. They exist in v1 only.
const (
	metricsAnnotation        = "autoscaling.alpha.kubernetes.io/metrics"
	currentMetricsAnnotation = "autoscaling.alpha.kubernetes.io/current-metrics"
	conditionsAnnotation     = "autoscaling.alpha.kubernetes.io/conditions"
	behaviorAnnotation       = "autoscaling.alpha.kubernetes.io/behavior"
)

var carriers = []string{metricsAnnotation, currentMetricsAnnotation, conditionsAnnotation, behaviorAnnotation}

// toV1 writes a v2 object as v1. The target of the CPU utilization goes into its field and all other metrics into an
// annotation; when the CPU is not the last metric, the annotation has it too, to keep its place.
func toV1(hub *autoscalingv2.HorizontalPodAutoscaler, out *autoscalingv1.HorizontalPodAutoscaler) error {
	out.ObjectMeta = hub.ObjectMeta
	out.Annotations = withoutCarriers(hub.Annotations)
	out.Spec = autoscalingv1.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv1.CrossVersionObjectReference(hub.Spec.ScaleTargetRef),
		MinReplicas:    hub.Spec.MinReplicas,
		MaxReplicas:    hub.Spec.MaxReplicas,
	}
	out.Status = autoscalingv1.HorizontalPodAutoscalerStatus{
		ObservedGeneration: hub.Status.ObservedGeneration,
		LastScaleTime:      hub.Status.LastScaleTime,
		CurrentReplicas:    hub.Status.CurrentReplicas,
		DesiredReplicas:    hub.Status.DesiredReplicas,
	}
	metrics := hub.Spec.Metrics
	if cpu := findCPU(metrics); cpu >= 0 {
		out.Spec.TargetCPUUtilizationPercentage = metrics[cpu].Resource.Target.AverageUtilization
		if cpu == len(metrics)-1 {
			metrics = metrics[:cpu]
		}
	}
	for i := range hub.Status.CurrentMetrics {
		status := &hub.Status.CurrentMetrics[i]
		if status.Resource != nil && status.Resource.Name == corev1.ResourceCPU && status.Resource.Current.AverageUtilization != nil {
			out.Status.CurrentCPUUtilizationPercentage = status.Resource.Current.AverageUtilization
			break
		}
	}
	if err := carry(out, metricsAnnotation, each(metrics, metricToV1)); err != nil {
		return err
	}
	if err := carry(out, currentMetricsAnnotation, each(hub.Status.CurrentMetrics, statusToV1)); err != nil {
		return err
	}
	conditions := each(hub.Status.Conditions, func(c *autoscalingv2.HorizontalPodAutoscalerCondition) autoscalingv1.HorizontalPodAutoscalerCondition {
		return autoscalingv1.HorizontalPodAutoscalerCondition{
			Type:               autoscalingv1.HorizontalPodAutoscalerConditionType(c.Type),
			Status:             c.Status,
			LastTransitionTime: c.LastTransitionTime,
			Reason:             c.Reason,
			Message:            c.Message,
			ObservedGeneration: c.ObservedGeneration,
		}
	})
	if err := carry(out, conditionsAnnotation, conditions); err != nil {
		return err
	}
	if hub.Spec.Behavior == nil {
		return nil
	}
	return carry(out, behaviorAnnotation, []carriedBehavior{behaviorToV1(hub.Spec.Behavior)})
}

// fromV1 reads a v1 object into v2. An annotation that cannot be read is as one that is not there: v1 clients may not
// know what it is and have changed it.
func fromV1(in *autoscalingv1.HorizontalPodAutoscaler, hub *autoscalingv2.HorizontalPodAutoscaler) error {
	hub.ObjectMeta = in.ObjectMeta
	hub.Annotations = withoutCarriers(in.Annotations)
	hub.Spec = autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference(in.Spec.ScaleTargetRef),
		MinReplicas:    in.Spec.MinReplicas,
		MaxReplicas:    in.Spec.MaxReplicas,
	}
	hub.Status = autoscalingv2.HorizontalPodAutoscalerStatus{
		ObservedGeneration: in.Status.ObservedGeneration,
		LastScaleTime:      in.Status.LastScaleTime,
		CurrentReplicas:    in.Status.CurrentReplicas,
		DesiredReplicas:    in.Status.DesiredReplicas,
	}
	hub.Spec.Metrics = each(carried[autoscalingv1.MetricSpec](in, metricsAnnotation), metricFromV1)
	hub.Spec.Metrics = withCPU(hub.Spec.Metrics, in.Spec.TargetCPUUtilizationPercentage)
	if len(hub.Spec.Metrics) == 0 {
		hub.Spec.Metrics = []autoscalingv2.MetricSpec{cpuUtilization(defaultCPUUtilization)}
	}
	hub.Status.CurrentMetrics = each(carried[autoscalingv1.MetricStatus](in, currentMetricsAnnotation), statusFromV1)
	if percent := in.Status.CurrentCPUUtilizationPercentage; percent != nil && len(hub.Status.CurrentMetrics) == 0 {
		hub.Status.CurrentMetrics = []autoscalingv2.MetricStatus{{
			Type: autoscalingv2.ResourceMetricSourceType,
			Resource: &autoscalingv2.ResourceMetricStatus{
				Name:    corev1.ResourceCPU,
				Current: autoscalingv2.MetricValueStatus{AverageUtilization: percent},
			},
		}}
	}
	hub.Status.Conditions = each(carried[autoscalingv1.HorizontalPodAutoscalerCondition](in, conditionsAnnotation),
		func(c *autoscalingv1.HorizontalPodAutoscalerCondition) autoscalingv2.HorizontalPodAutoscalerCondition {
			return autoscalingv2.HorizontalPodAutoscalerCondition{
				Type:               autoscalingv2.HorizontalPodAutoscalerConditionType(c.Type),
				Status:             c.Status,
				LastTransitionTime: c.LastTransitionTime,
				Reason:             c.Reason,
				Message:            c.Message,
				ObservedGeneration: c.ObservedGeneration,
			}
		})
	if behaviors := carried[carriedBehavior](in, behaviorAnnotation); len(behaviors) > 0 {
		hub.Spec.Behavior = behaviorFromV1(behaviors[0])
	}
	return nil
}

// findCPU is the place of the metric that v1 has a field for, or -1.
func findCPU(metrics []autoscalingv2.MetricSpec) int {
	for i := range metrics {
		m := &metrics[i]
		if m.Type == autoscalingv2.ResourceMetricSourceType && m.Resource != nil &&
			m.Resource.Name == corev1.ResourceCPU && m.Resource.Target.AverageUtilization != nil {
			return i
		}
	}
	return -1
}

// withCPU puts the target of v1's field among the metrics: into its place if it has one, else at the end. A v1 client
// that clears the field takes the metric away.
func withCPU(metrics []autoscalingv2.MetricSpec, percent *int32) []autoscalingv2.MetricSpec {
	place := findCPU(metrics)
	switch {
	case percent == nil && place < 0:
		return metrics
	case percent == nil:
		return append(metrics[:place], metrics[place+1:]...)
	case place < 0:
		return append(metrics, cpuUtilization(*percent))
	default:
		metrics[place].Resource.Target.AverageUtilization = percent
		return metrics
	}
}

func withoutCarriers(annotations map[string]string) map[string]string {
	kept := maps.Clone(annotations) // the other version keeps its own map
	for _, key := range carriers {
		delete(kept, key)
	}
	if len(kept) == 0 && len(annotations) > 0 {
		return nil
	}
	return kept
}

// carry writes values into an annotation, nothing when there are none. The behavior is one value and written as such.
func carry[V any](out *autoscalingv1.HorizontalPodAutoscaler, key string, values []V) error {
	if len(values) == 0 {
		return nil
	}
	var value any = values
	if key == behaviorAnnotation {
		value = values[0]
	}
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("encoding annotation %s: %w", key, err)
	}
	if out.Annotations == nil {
		out.Annotations = make(map[string]string, len(carriers))
	}
	out.Annotations[key] = string(text)
	return nil
}

func carried[V any](in *autoscalingv1.HorizontalPodAutoscaler, key string) []V {
	text, ok := in.Annotations[key]
	if !ok {
		return nil
	}
	if key == behaviorAnnotation {
		var value *V
		if json.Unmarshal([]byte(text), &value) != nil || value == nil {
			return nil
		}
		return []V{*value}
	}
	var values []V
	if json.Unmarshal([]byte(text), &values) != nil {
		return nil
	}
	return values
}

func each[From, To any](list []From, convert func(*From) To) []To {
	if len(list) == 0 {
		return nil
	}
	converted := make([]To, 0, len(list))
	for i := range list {
		converted = append(converted, convert(&list[i]))
	}
	return converted
}
