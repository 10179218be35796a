// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package horizontalpodautoscaler

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/labels"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// metric computes what one metric calls for, with its name for events and its status.
func (r *Reconciler) metric(ctx context.Context, p *pass, spec *autoscalingv2.MetricSpec, current *autoscalingv1.Scale, selector labels.Selector) (measured, string, autoscalingv2.MetricStatus, error) {
	status := autoscalingv2.MetricStatus{Type: spec.Type}
	switch {
	case spec.Type == autoscalingv2.ResourceMetricSourceType && spec.Resource != nil:
		m, err := r.resource(ctx, p, spec.Resource.Name, "", spec.Resource.Target, current, selector)
		status.Resource = &autoscalingv2.ResourceMetricStatus{Name: spec.Resource.Name, Current: valueOf(m)}
		return m, describe(spec.Resource.Name, "", m), status, annotate(err, spec.Resource.Name, "")
	case spec.Type == autoscalingv2.ContainerResourceMetricSourceType && spec.ContainerResource != nil:
		source := spec.ContainerResource
		m, err := r.resource(ctx, p, source.Name, source.Container, source.Target, current, selector)
		status.ContainerResource = &autoscalingv2.ContainerResourceMetricStatus{Name: source.Name, Container: source.Container, Current: valueOf(m)}
		return m, describe(source.Name, source.Container, m), status, annotate(err, source.Name, source.Container)
	case spec.Type == autoscalingv2.PodsMetricSourceType, spec.Type == autoscalingv2.ObjectMetricSourceType:
		return measured{}, "", status, fmt.Errorf("unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered")
	case spec.Type == autoscalingv2.ExternalMetricSourceType:
		return measured{}, "", status, fmt.Errorf("unable to fetch metrics from external metrics API: no external metrics API (external.metrics.k8s.io) registered")
	}
	return measured{}, "", status, fmt.Errorf("unknown metric source type %q", spec.Type)
}

func annotate(err error, name corev1.ResourceName, container string) error {
	switch {
	case err == nil:
		return nil
	case container != "":
		return fmt.Errorf("failed to get %s container metric value: %w", name, err)
	}
	return fmt.Errorf("failed to get %s utilization: %w", name, err)
}

func describe(name corev1.ResourceName, container string, m measured) string {
	what := fmt.Sprintf("%s resource", name)
	if container != "" {
		what = fmt.Sprintf("%s container resource", name)
	}
	if m.utilization >= 0 {
		return what + " utilization (percentage of request)"
	}
	return what
}

// valueOf puts a measurement in the terms of the status.
func valueOf(m measured) autoscalingv2.MetricValueStatus {
	value := autoscalingv2.MetricValueStatus{AverageValue: resource.NewMilliQuantity(m.average, resource.DecimalSI)}
	if m.utilization >= 0 {
		value.AverageUtilization = &m.utilization
	}
	return value
}

// resource computes what CPU or memory of the pods, or of one container of each, calls for.
func (r *Reconciler) resource(ctx context.Context, p *pass, name corev1.ResourceName, container string, goal autoscalingv2.MetricTarget, current *autoscalingv1.Scale, selector labels.Selector) (measured, error) {
	wanted, err := targetOf(goal)
	if err != nil {
		return measured{}, err
	}
	samples, err := r.samples(ctx, p.hpa.Namespace, name, container, selector)
	if err != nil {
		return measured{}, fmt.Errorf("unable to get metrics for resource %s: %w", name, err)
	}
	var list corev1.PodList
	if err := r.client.List(ctx, &list, client.InNamespace(p.hpa.Namespace), client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy); err != nil {
		return measured{}, fmt.Errorf("unable to get pods while calculating replica count: %w", err)
	}
	if len(list.Items) == 0 {
		return measured{}, fmt.Errorf("no pods returned by selector while calculating replica count")
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	var requests map[string]int64
	if wanted.utilization > 0 {
		if requests, err = requestsOf(pods, container, name); err != nil {
			return measured{}, err
		}
	}
	times := timing{cpuInitialization: r.settings.CPUInitializationPeriod, initialReadiness: r.settings.InitialReadinessDelay}
	return replicas(current.Spec.Replicas, count(pods, samples, name, times, p.now), samples, requests, wanted, r.tolerance(p.hpa))
}

func targetOf(goal autoscalingv2.MetricTarget) (target, error) {
	switch {
	case goal.AverageValue != nil && goal.AverageValue.MilliValue() > 0:
		return target{averageValue: goal.AverageValue.MilliValue()}, nil
	case goal.AverageUtilization != nil && *goal.AverageUtilization > 0:
		return target{utilization: *goal.AverageUtilization}, nil
	}
	return target{}, fmt.Errorf("invalid resource metric source: neither an average utilization target nor an average value target was set")
}

// tolerance is the configured one, or what the autoscaler says for itself.
func (r *Reconciler) tolerance(hpa *autoscalingv2.HorizontalPodAutoscaler) tolerance {
	t := tolerance{down: r.settings.Tolerance, up: r.settings.Tolerance}
	if behavior := hpa.Spec.Behavior; behavior != nil {
		if behavior.ScaleUp != nil && behavior.ScaleUp.Tolerance != nil {
			t.up = behavior.ScaleUp.Tolerance.AsApproximateFloat64()
		}
		if behavior.ScaleDown != nil && behavior.ScaleDown.Tolerance != nil {
			t.down = behavior.ScaleDown.Tolerance.AsApproximateFloat64()
		}
	}
	return t
}

// samples reads what pods use at present. Pods of which some container has no value yet are left out.
func (r *Reconciler) samples(ctx context.Context, namespace string, name corev1.ResourceName, container string, selector labels.Selector) (map[string]sample, error) {
	var list metricsv1beta1.PodMetricsList
	if err := r.reader.List(ctx, &list, client.InNamespace(namespace), client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, fmt.Errorf("unable to fetch metrics from resource metrics API: %w", err)
	}
	if len(list.Items) == 0 {
		return nil, fmt.Errorf("no metrics returned from resource metrics API")
	}
	samples := make(map[string]sample, len(list.Items))
	for i := range list.Items {
		if s, ok := sampleOf(&list.Items[i], name, container); ok {
			samples[list.Items[i].Name] = s
		}
	}
	return samples, nil
}

func sampleOf(metrics *metricsv1beta1.PodMetrics, name corev1.ResourceName, container string) (sample, bool) {
	s := sample{at: metrics.Timestamp.Time, window: metrics.Window.Duration}
	found := false
	for _, c := range metrics.Containers {
		if container != "" && c.Name != container {
			continue
		}
		usage, ok := c.Usage[name]
		if !ok {
			return sample{}, false
		}
		found = true
		s.value += usage.MilliValue()
	}
	return s, found
}
