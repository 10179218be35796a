// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package autoscaling

import (
	"fmt"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/kind"
)

// defaultCPUUtilization is the target of an autoscaler that names no metric, in percent of the requests.
const defaultCPUUtilization int32 = 80

// HorizontalPodAutoscalers change the number of replicas of a workload so that metrics stay near their targets.
var HorizontalPodAutoscalers = kind.Of[*autoscalingv2.HorizontalPodAutoscaler, *autoscalingv2.HorizontalPodAutoscalerList]{
	GroupVersion:   autoscalingv2.SchemeGroupVersion,
	Names:          kind.Names{Plural: "horizontalpodautoscalers", Short: []string{"hpa"}, Categories: []string{"all"}},
	Default:        defaultAutoscaler,
	Validate:       validateAutoscaler,
	ValidateStatus: validateAutoscalerStatus,
	Owns:           kind.Generation | kind.StatusApart,
	Columns: []kind.Column[*autoscalingv2.HorizontalPodAutoscaler]{
		{Name: "Reference", Description: autoscalerSpecDoc["scaleTargetRef"], Value: func(hpa *autoscalingv2.HorizontalPodAutoscaler, _ time.Time) any {
			return fmt.Sprintf("%s/%s", hpa.Spec.ScaleTargetRef.Kind, hpa.Spec.ScaleTargetRef.Name)
		}},
		{Name: "Targets", Description: autoscalerSpecDoc["metrics"], Value: func(hpa *autoscalingv2.HorizontalPodAutoscaler, _ time.Time) any {
			return targetsOf(hpa)
		}},
		{Name: "MinPods", Description: autoscalerSpecDoc["minReplicas"], Value: func(hpa *autoscalingv2.HorizontalPodAutoscaler, _ time.Time) any {
			if hpa.Spec.MinReplicas == nil {
				return "<unset>"
			}
			return fmt.Sprint(*hpa.Spec.MinReplicas)
		}},
		{Name: "MaxPods", Type: "integer", Description: autoscalerSpecDoc["maxReplicas"], Value: func(hpa *autoscalingv2.HorizontalPodAutoscaler, _ time.Time) any {
			return int64(hpa.Spec.MaxReplicas)
		}},
		{Name: "Replicas", Type: "integer", Description: autoscalingv2.HorizontalPodAutoscalerStatus{}.SwaggerDoc()["currentReplicas"], Value: func(hpa *autoscalingv2.HorizontalPodAutoscaler, _ time.Time) any {
			return int64(hpa.Status.CurrentReplicas)
		}},
		kind.Age[*autoscalingv2.HorizontalPodAutoscaler](),
	},
	Also: []kind.Version{
		kind.Conversion[*autoscalingv2.HorizontalPodAutoscaler, *autoscalingv1.HorizontalPodAutoscaler, *autoscalingv1.HorizontalPodAutoscalerList]{
			GroupVersion: autoscalingv1.SchemeGroupVersion,
			Default: func(hpa *autoscalingv1.HorizontalPodAutoscaler) {
				// The default metric is added by the conversion, which alone knows the metrics in annotations.
				setDefault(&hpa.Spec.MinReplicas, 1)
			},
			ToHub:   fromV1,
			FromHub: toV1,
		}.Version(),
	},
}

var autoscalerSpecDoc = autoscalingv2.HorizontalPodAutoscalerSpec{}.SwaggerDoc()

func setDefault[V any](field **V, value V) {
	if *field == nil {
		*field = &value
	}
}

func defaultAutoscaler(hpa *autoscalingv2.HorizontalPodAutoscaler) {
	setDefault(&hpa.Spec.MinReplicas, 1)
	if len(hpa.Spec.Metrics) == 0 {
		hpa.Spec.Metrics = []autoscalingv2.MetricSpec{cpuUtilization(defaultCPUUtilization)}
	}
	if behavior := hpa.Spec.Behavior; behavior != nil {
		behavior.ScaleUp = defaultRules(behavior.ScaleUp, autoscalingv2.HPAScalingRules{
			StabilizationWindowSeconds: ptr.To[int32](0),
			Policies: []autoscalingv2.HPAScalingPolicy{
				{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
				{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
			},
		})
		// The window for scaling down stays unset: the controller's own default is a flag of it.
		behavior.ScaleDown = defaultRules(behavior.ScaleDown, autoscalingv2.HPAScalingRules{
			Policies: []autoscalingv2.HPAScalingPolicy{
				{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
			},
		})
	}
}

func cpuUtilization(percent int32) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{
		Type: autoscalingv2.ResourceMetricSourceType,
		Resource: &autoscalingv2.ResourceMetricSource{
			Name: corev1.ResourceCPU,
			Target: autoscalingv2.MetricTarget{
				Type:               autoscalingv2.UtilizationMetricType,
				AverageUtilization: &percent,
			},
		},
	}
}

func defaultRules(rules *autoscalingv2.HPAScalingRules, defaults autoscalingv2.HPAScalingRules) *autoscalingv2.HPAScalingRules {
	if rules == nil {
		rules = &autoscalingv2.HPAScalingRules{}
	}
	if rules.StabilizationWindowSeconds == nil {
		rules.StabilizationWindowSeconds = defaults.StabilizationWindowSeconds
	}
	if rules.Policies == nil {
		rules.Policies = defaults.Policies
	}
	setDefault(&rules.SelectPolicy, autoscalingv2.MaxChangePolicySelect)
	return rules
}

func validateAutoscalerStatus(hpa, _ *autoscalingv2.HorizontalPodAutoscaler) field.ErrorList {
	path := field.NewPath("status")
	errs := meta.ValidateNonNegative(hpa.Status.CurrentReplicas, path.Child("currentReplicas"))
	return append(errs, meta.ValidateNonNegative(hpa.Status.DesiredReplicas, path.Child("desiredReplicas"))...)
}
