// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package horizontalpodautoscaler

import (
	"context"
	"fmt"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/utils/ptr"
)

// decision is the next size and why.
type decision struct {
	replicas int32
	rescale  bool
	reason   string
	metrics  []autoscalingv2.MetricStatus
	// valid is false when there is nothing to go by.
	valid bool
}

// decide chooses the next size and notes in the conditions what bounded it.
func (r *Reconciler) decide(ctx context.Context, p *pass, current *autoscalingv1.Scale) (decision, error) {
	has, least, most := current.Spec.Replicas, ptr.Deref(p.hpa.Spec.MinReplicas, 1), p.hpa.Spec.MaxReplicas
	switch {
	case has == 0 && least != 0:
		p.set(autoscalingv2.ScalingActive, false, "ScalingDisabled", "scaling is disabled since the replica count of the target is zero")
		return decision{valid: true}, nil
	case has > most:
		return decision{replicas: most, rescale: true, reason: "Current number of replicas above Spec.MaxReplicas", valid: true}, nil
	case has < least:
		return decision{replicas: least, rescale: true, reason: "Current number of replicas below Spec.MinReplicas", valid: true}, nil
	}
	best, err := r.measure(ctx, p, current)
	if best == nil {
		r.warn(p.hpa, "FailedComputeMetricsReplicas", err.Error())
		return decision{}, err
	}
	d := decision{rescale: true, metrics: best.statuses, valid: true}
	d.replicas = r.bound(p, has, best.replicas, least, most)
	switch {
	case d.replicas > has:
		d.reason = best.name + " above target"
	case d.replicas < has:
		d.reason = "All metrics below target"
	}
	return d, err
}

// bound stabilizes and limits a recommendation.
func (r *Reconciler) bound(p *pass, has, recommended, least, most int32) int32 {
	up, down := rules(p.hpa, r.settings.DownscaleStabilization)
	stable, reason := stabilize(p.memory, has, recommended, up, down, p.now)
	p.memory = p.memory.recommended(recommended, up, down, p.now)
	p.set(autoscalingv2.AbleToScale, true, reason, messages[reason])
	bounded, reason := limit(p.memory, has, stable, least, most, up, down, p.now)
	p.set(autoscalingv2.ScalingLimited, bounded != stable, reason, messages[reason])
	return bounded
}

// best is the largest recommendation of all metrics.
type best struct {
	replicas int32
	name     string
	statuses []autoscalingv2.MetricStatus
}

// measure asks each metric and takes the largest answer. When some metric has none, the others may only call for more:
// the one that is missing might be the one that needs what there is.
func (r *Reconciler) measure(ctx context.Context, p *pass, current *autoscalingv1.Scale) (*best, error) {
	selector, err := r.selector(p, current)
	if err != nil {
		return nil, err
	}
	result := &best{}
	var firstErr error
	var firstReason string
	invalid := 0
	for i := range p.hpa.Spec.Metrics {
		metric := &p.hpa.Spec.Metrics[i]
		m, name, status, err := r.metric(ctx, p, metric, current, selector)
		if err != nil {
			if invalid++; firstErr == nil {
				firstErr, firstReason = err, failureReason(metric.Type)
			}
			r.warn(p.hpa, failureReason(metric.Type), err.Error())
			continue
		}
		result.statuses = append(result.statuses, status)
		if m.replicas > result.replicas || result.name == "" {
			result.replicas, result.name = m.replicas, name
		}
	}
	if invalid > 0 {
		firstErr = fmt.Errorf("invalid metrics (%v invalid out of %v), first error is: %w", invalid, len(p.hpa.Spec.Metrics), firstErr)
	}
	if len(p.hpa.Spec.Metrics) == 0 {
		firstErr, firstReason = fmt.Errorf("there are no metrics"), "InvalidMetricSourceType"
	}
	if invalid == len(p.hpa.Spec.Metrics) || invalid > 0 && result.replicas < current.Spec.Replicas {
		p.set(autoscalingv2.ScalingActive, false, firstReason, fmt.Sprintf("the HPA was unable to compute the replica count: %v", firstErr))
		return nil, firstErr
	}
	p.set(autoscalingv2.ScalingActive, true, "ValidMetricFound", "the HPA was able to successfully calculate a replica count from "+result.name)
	return result, firstErr
}

func failureReason(kind autoscalingv2.MetricSourceType) string {
	switch kind {
	case autoscalingv2.ResourceMetricSourceType, autoscalingv2.ContainerResourceMetricSourceType, autoscalingv2.PodsMetricSourceType,
		autoscalingv2.ObjectMetricSourceType, autoscalingv2.ExternalMetricSourceType:
		return "FailedGet" + string(kind) + "Metric"
	}
	return "InvalidMetricSourceType"
}

// selector is that of the target's pods.
func (r *Reconciler) selector(p *pass, current *autoscalingv1.Scale) (labels.Selector, error) {
	if current.Status.Selector == "" {
		err := fmt.Errorf("selector is required")
		r.warn(p.hpa, "SelectorRequired", err.Error())
		p.set(autoscalingv2.ScalingActive, false, "InvalidSelector", "the HPA target's scale is missing a selector")
		return nil, err
	}
	selector, err := labels.Parse(current.Status.Selector)
	if err != nil {
		err = fmt.Errorf("couldn't convert selector into a corresponding internal selector object: %w", err)
		r.warn(p.hpa, "InvalidSelector", err.Error())
		p.set(autoscalingv2.ScalingActive, false, "InvalidSelector", err.Error())
		return nil, err
	}
	return selector, nil
}
