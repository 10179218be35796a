// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package autoscaling

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

func autoscaler(change ...func(*autoscalingv2.HorizontalPodAutoscaler)) *autoscalingv2.HorizontalPodAutoscaler {
	hpa := &autoscalingv2.HorizontalPodAutoscaler{Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
		ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "web"},
		MaxReplicas:    10,
	}}
	defaultAutoscaler(hpa)
	for _, c := range change {
		c(hpa)
	}
	return hpa
}

func metrics(list ...autoscalingv2.MetricSpec) func(*autoscalingv2.HorizontalPodAutoscaler) {
	return func(hpa *autoscalingv2.HorizontalPodAutoscaler) { hpa.Spec.Metrics = list }
}

func behavior(up, down *autoscalingv2.HPAScalingRules) func(*autoscalingv2.HorizontalPodAutoscaler) {
	return func(hpa *autoscalingv2.HorizontalPodAutoscaler) {
		hpa.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: up, ScaleDown: down}
	}
}

func quantityOf(text string) *resource.Quantity {
	q := resource.MustParse(text)
	return &q
}

func memory(target autoscalingv2.MetricTarget) autoscalingv2.MetricSpec {
	return autoscalingv2.MetricSpec{Type: autoscalingv2.ResourceMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{
		Name: corev1.ResourceMemory, Target: target}}
}

func TestAutoscalerDefaults(t *testing.T) {
	hpa := autoscaler()
	if *hpa.Spec.MinReplicas != 1 || hpa.Spec.Behavior != nil {
		t.Errorf("at least %d replicas, behavior %v", *hpa.Spec.MinReplicas, hpa.Spec.Behavior)
	}
	if diff := cmp.Diff([]autoscalingv2.MetricSpec{cpuUtilization(80)}, hpa.Spec.Metrics); diff != "" {
		t.Error(diff)
	}

	hpa = autoscaler(behavior(nil, &autoscalingv2.HPAScalingRules{
		StabilizationWindowSeconds: ptr.To[int32](60), SelectPolicy: ptr.To(autoscalingv2.MinChangePolicySelect)}))
	defaultAutoscaler(hpa)
	want := &autoscalingv2.HorizontalPodAutoscalerBehavior{
		ScaleUp: &autoscalingv2.HPAScalingRules{
			StabilizationWindowSeconds: ptr.To[int32](0),
			SelectPolicy:               ptr.To(autoscalingv2.MaxChangePolicySelect),
			Policies: []autoscalingv2.HPAScalingPolicy{
				{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
				{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
			},
		},
		ScaleDown: &autoscalingv2.HPAScalingRules{
			StabilizationWindowSeconds: ptr.To[int32](60),
			SelectPolicy:               ptr.To(autoscalingv2.MinChangePolicySelect),
			Policies:                   []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}},
		},
	}
	if diff := cmp.Diff(want, hpa.Spec.Behavior); diff != "" {
		t.Error(diff)
	}
}

func TestValidateAutoscaler(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*autoscalingv2.HorizontalPodAutoscaler)
		old    *autoscalingv2.HorizontalPodAutoscaler
		want   []string
	}{
		"a usual one": {change: func(*autoscalingv2.HorizontalPodAutoscaler) {}},
		"no maximum": {
			change: func(hpa *autoscalingv2.HorizontalPodAutoscaler) { hpa.Spec.MaxReplicas = 0 },
			want: []string{
				`spec.maxReplicas: Required value`,
				"spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
			},
		},
		"a negative maximum": {
			change: func(hpa *autoscalingv2.HorizontalPodAutoscaler) { hpa.Spec.MaxReplicas = -1 },
			want: []string{
				`spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1`,
				"spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`",
			},
		},
		"a maximum below the minimum": {
			change: func(hpa *autoscalingv2.HorizontalPodAutoscaler) { hpa.Spec.MinReplicas = ptr.To[int32](11) },
			want:   []string{"spec.maxReplicas: Invalid value: 10: must be greater than or equal to `minReplicas`"},
		},
		"down to zero": {
			change: func(hpa *autoscalingv2.HorizontalPodAutoscaler) { hpa.Spec.MinReplicas = ptr.To[int32](0) },
			want: []string{
				`spec.minReplicas: Invalid value: 0: must be greater than or equal to 1`,
				`spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas`,
			},
		},
		"no target": {
			change: func(hpa *autoscalingv2.HorizontalPodAutoscaler) {
				hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{}
			},
			want: []string{
				`spec.scaleTargetRef.kind: Required value`,
				`spec.scaleTargetRef.name: Required value`,
				`spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group`,
			},
		},
		"a target that is no path": {
			change: func(hpa *autoscalingv2.HorizontalPodAutoscaler) {
				hpa.Spec.ScaleTargetRef = autoscalingv2.CrossVersionObjectReference{APIVersion: "a/b/c", Kind: "..", Name: "a/b"}
			},
			want: []string{
				`spec.scaleTargetRef.kind: Invalid value: "..": may not be '..'`,
				`spec.scaleTargetRef.name: Invalid value: "a/b": may not contain '/'`,
				`spec.scaleTargetRef.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c`,
			},
		},
		"the only scale of the core group": {
			change: func(hpa *autoscalingv2.HorizontalPodAutoscaler) {
				hpa.Spec.ScaleTargetRef.APIVersion, hpa.Spec.ScaleTargetRef.Kind = "v1", "ReplicationController"
			},
		},
		"a wrong version that is stored": {
			change: func(hpa *autoscalingv2.HorizontalPodAutoscaler) { hpa.Spec.ScaleTargetRef.APIVersion = "v1" },
			old:    autoscaler(func(hpa *autoscalingv2.HorizontalPodAutoscaler) { hpa.Spec.ScaleTargetRef.APIVersion = "v1" }),
		},
		"wrong rules": {
			change: behavior(
				&autoscalingv2.HPAScalingRules{
					StabilizationWindowSeconds: ptr.To[int32](-1), SelectPolicy: ptr.To[autoscalingv2.ScalingPolicySelect]("Any"),
					Tolerance: quantityOf("-0.1"),
				},
				&autoscalingv2.HPAScalingRules{
					StabilizationWindowSeconds: ptr.To[int32](3601),
					Policies: []autoscalingv2.HPAScalingPolicy{
						{Type: "Nodes"}, {Type: autoscalingv2.PodsScalingPolicy, Value: 1, PeriodSeconds: 1801},
					},
				}),
			want: []string{
				`spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: -1: must be greater than or equal to zero`,
				`spec.behavior.scaleUp.selectPolicy: Unsupported value: "Any": supported values: "Disabled", "Max", "Min"`,
				`spec.behavior.scaleUp.policies: Required value: must specify at least one Policy`,
				`spec.behavior.scaleUp.tolerance: Invalid value: "-100m": must be greater than or equal to 0`,
				`spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600`,
				`spec.behavior.scaleDown.policies[0].type: Unsupported value: "Nodes": supported values: "Percent", "Pods"`,
				`spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero`,
				`spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 0: must be greater than zero`,
				`spec.behavior.scaleDown.policies[1].periodSeconds: Invalid value: 1801: must be less than or equal to 1800`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, validateAutoscaler(autoscaler(c.change), c.old), c.want...)
		})
	}
}

func TestValidateMetrics(t *testing.T) {
	for name, c := range map[string]struct {
		metric autoscalingv2.MetricSpec
		want   []string
	}{
		"nothing": {
			autoscalingv2.MetricSpec{},
			[]string{
				`spec.metrics[0].type: Required value: must specify a metric source type`,
				`spec.metrics[0].type: Unsupported value: "": supported values: "ContainerResource", "External", "Object", "Pods", "Resource"`,
			},
		},
		"a type without its source": {
			autoscalingv2.MetricSpec{Type: autoscalingv2.PodsMetricSourceType, Resource: &autoscalingv2.ResourceMetricSource{}},
			[]string{
				`spec.metrics[0].pods: Required value: must populate information for the given metric source`,
				`spec.metrics[0].resource: Forbidden: must populate the given metric source only`,
			},
		},
		"a resource with both targets": {
			memory(autoscalingv2.MetricTarget{Type: "Utilization", AverageUtilization: ptr.To[int32](0), AverageValue: quantityOf("0")}),
			[]string{
				`spec.metrics[0].resource.target.averageValue: Invalid value: "0": must be positive`,
				`spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0`,
				`spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization`,
			},
		},
		"a resource with neither": {
			autoscalingv2.MetricSpec{Type: "Resource", Resource: &autoscalingv2.ResourceMetricSource{}},
			[]string{
				`spec.metrics[0].resource.name: Required value: must specify a resource name`,
				`spec.metrics[0].resource.target.type: Required value: must specify a metric target type`,
				`spec.metrics[0].resource.target.type: Invalid value: "": must be either Utilization, Value, or AverageValue`,
				`spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization`,
			},
		},
		"a container without a name": {
			autoscalingv2.MetricSpec{Type: "ContainerResource", ContainerResource: &autoscalingv2.ContainerResourceMetricSource{
				Name: "cpu", Target: autoscalingv2.MetricTarget{Type: "Utilization", AverageUtilization: ptr.To[int32](50)}}},
			[]string{`spec.metrics[0].containerResource.container: Required value: must specify a container`},
		},
		"pods without a target": {
			autoscalingv2.MetricSpec{Type: "Pods", Pods: &autoscalingv2.PodsMetricSource{Target: autoscalingv2.MetricTarget{Type: "AverageValue"}}},
			[]string{
				`spec.metrics[0].pods.metric.name: Required value: must specify a metric name`,
				`spec.metrics[0].pods.target.averageValue: Required value: must specify a positive target averageValue`,
			},
		},
		"an object": {
			metric: autoscalingv2.MetricSpec{Type: "Object", Object: &autoscalingv2.ObjectMetricSource{
				DescribedObject: autoscalingv2.CrossVersionObjectReference{APIVersion: "v1", Kind: "Service", Name: "web"},
				Metric:          autoscalingv2.MetricIdentifier{Name: "hits"},
				Target:          autoscalingv2.MetricTarget{Type: "Value", Value: quantityOf("10")},
			}},
		},
		"an object without a target": {
			autoscalingv2.MetricSpec{Type: "Object", Object: &autoscalingv2.ObjectMetricSource{
				DescribedObject: autoscalingv2.CrossVersionObjectReference{APIVersion: "a/b/c", Kind: "Service", Name: "web"},
				Metric:          autoscalingv2.MetricIdentifier{Name: "a/b"},
				Target:          autoscalingv2.MetricTarget{Type: "Value"},
			}},
			[]string{
				`spec.metrics[0].object.describedObject.apiVersion: Invalid value: "a/b/c": unexpected GroupVersion string: a/b/c`,
				`spec.metrics[0].object.metric.name: Invalid value: "a/b": may not contain '/'`,
				`spec.metrics[0].object.target.averageValue: Required value: must set either a target value for metric or a per-pod target value`,
			},
		},
		"an external one with both targets": {
			autoscalingv2.MetricSpec{Type: "External", External: &autoscalingv2.ExternalMetricSource{
				Metric: autoscalingv2.MetricIdentifier{Name: "queue"},
				Target: autoscalingv2.MetricTarget{Type: "Value", Value: quantityOf("-1"), AverageValue: quantityOf("1")},
			}},
			[]string{
				`spec.metrics[0].external.target.value: Invalid value: "-1": must be positive`,
				`spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target value`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, validateAutoscaler(autoscaler(metrics(c.metric)), nil), c.want...)
		})
	}
}

func TestValidateAutoscalerStatus(t *testing.T) {
	hpa := autoscaler()
	hpa.Status.CurrentReplicas, hpa.Status.DesiredReplicas = -1, -2
	metatest.CheckErrors(t, validateAutoscalerStatus(hpa, autoscaler()),
		`status.currentReplicas: Invalid value: -1: must be greater than or equal to 0`,
		`status.desiredReplicas: Invalid value: -2: must be greater than or equal to 0`)
	metatest.CheckErrors(t, Scales.Validate(&autoscalingv1.Scale{Spec: autoscalingv1.ScaleSpec{Replicas: -1}}, nil),
		`spec.replicas: Invalid value: -1: must be greater than or equal to 0`)
}

func TestAutoscalerRow(t *testing.T) {
	cpu := func(current autoscalingv2.MetricValueStatus) autoscalingv2.MetricStatus {
		return autoscalingv2.MetricStatus{Type: "Resource", Resource: &autoscalingv2.ResourceMetricStatus{Name: "cpu", Current: current}}
	}
	external := autoscalingv2.MetricSpec{Type: "External", External: &autoscalingv2.ExternalMetricSource{
		Target: autoscalingv2.MetricTarget{AverageValue: quantityOf("5")}}}
	object := autoscalingv2.MetricSpec{Type: "Object", Object: &autoscalingv2.ObjectMetricSource{
		Target: autoscalingv2.MetricTarget{Value: quantityOf("5")}}}
	pods := autoscalingv2.MetricSpec{Type: "Pods", Pods: &autoscalingv2.PodsMetricSource{
		Target: autoscalingv2.MetricTarget{AverageValue: quantityOf("5")}}}
	for want, c := range map[string]struct {
		metrics  []autoscalingv2.MetricSpec
		statuses []autoscalingv2.MetricStatus
	}{
		"<none>":             {},
		"cpu: <unknown>/80%": {metrics: []autoscalingv2.MetricSpec{cpuUtilization(80)}},
		"cpu: 10%/80%": {
			[]autoscalingv2.MetricSpec{cpuUtilization(80)},
			[]autoscalingv2.MetricStatus{cpu(autoscalingv2.MetricValueStatus{AverageUtilization: ptr.To[int32](10)})},
		},
		"memory: <unknown>/100Mi":  {metrics: []autoscalingv2.MetricSpec{memory(autoscalingv2.MetricTarget{AverageValue: quantityOf("100Mi")})}},
		"memory: <unknown>/<auto>": {metrics: []autoscalingv2.MetricSpec{memory(autoscalingv2.MetricTarget{})}},
		"<unknown>/5 (avg)":        {metrics: []autoscalingv2.MetricSpec{external}},
		"<unknown>/5, <unknown>/5": {metrics: []autoscalingv2.MetricSpec{object, pods}},
		"<unknown type>":           {metrics: []autoscalingv2.MetricSpec{{Type: "Odd"}}},
		"<unknown>/5, 7/5 + 1 more...": {
			[]autoscalingv2.MetricSpec{object, pods, external},
			[]autoscalingv2.MetricStatus{{}, {Type: "Pods", Pods: &autoscalingv2.PodsMetricStatus{
				Current: autoscalingv2.MetricValueStatus{AverageValue: quantityOf("7")}}}},
		},
	} {
		hpa := autoscaler(metrics(c.metrics...))
		hpa.Status = autoscalingv2.HorizontalPodAutoscalerStatus{CurrentMetrics: c.statuses, CurrentReplicas: 3}
		metatest.CheckRow(t, HorizontalPodAutoscalers, hpa, time.Now(),
			"Reference=Deployment/web", "Targets="+want, "MinPods=1", "MaxPods=10", "Replicas=3", "Age=<unknown>")
	}
}
