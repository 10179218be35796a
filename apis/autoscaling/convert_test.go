// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package autoscaling

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/utils/ptr"
)

func TestToV1(t *testing.T) {
	share := memory(autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](60)})
	for name, c := range map[string]struct {
		hub         *autoscalingv2.HorizontalPodAutoscaler
		wantCPU     *int32
		annotations map[string]string
	}{
		"only the CPU": {hub: autoscaler(), wantCPU: ptr.To[int32](80)},
		"memory, then the CPU": {
			hub: autoscaler(metrics(share, cpuUtilization(50))), wantCPU: ptr.To[int32](50),
			annotations: map[string]string{metricsAnnotation: `[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":60}}]`},
		},
		"the CPU, then memory: the place of the CPU is kept": {
			hub: autoscaler(metrics(cpuUtilization(50), share)), wantCPU: ptr.To[int32](50),
			annotations: map[string]string{metricsAnnotation: `[{"type":"Resource","resource":{"name":"cpu","targetAverageUtilization":50}},` +
				`{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":60}}]`},
		},
		"only memory": {
			hub:         autoscaler(metrics(share)),
			annotations: map[string]string{metricsAnnotation: `[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":60}}]`},
		},
		"a behavior": {
			hub: autoscaler(behavior(nil, &autoscalingv2.HPAScalingRules{StabilizationWindowSeconds: ptr.To[int32](5),
				Policies: []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PodsScalingPolicy, Value: 1, PeriodSeconds: 15}}})),
			wantCPU: ptr.To[int32](80),
			annotations: map[string]string{behaviorAnnotation: `{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":5,"SelectPolicy":null,` +
				`"Policies":[{"Type":"Pods","Value":1,"PeriodSeconds":15}],"Tolerance":null}}`},
		},
		"conditions": {
			hub: autoscaler(func(hpa *autoscalingv2.HorizontalPodAutoscaler) {
				hpa.Status.Conditions = []autoscalingv2.HorizontalPodAutoscalerCondition{{Type: autoscalingv2.AbleToScale, Status: "True", Reason: "Ready"}}
			}),
			wantCPU:     ptr.To[int32](80),
			annotations: map[string]string{conditionsAnnotation: `[{"type":"AbleToScale","status":"True","lastTransitionTime":null,"reason":"Ready"}]`},
		},
		"annotations of the user, and one of ours that he wrote": {
			hub: autoscaler(func(hpa *autoscalingv2.HorizontalPodAutoscaler) {
				hpa.Annotations = map[string]string{"a": "b", metricsAnnotation: "x"}
			}),
			wantCPU: ptr.To[int32](80), annotations: map[string]string{"a": "b"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := &autoscalingv1.HorizontalPodAutoscaler{}
			if err := toV1(c.hub, out); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.annotations, out.Annotations); diff != "" {
				t.Errorf("annotations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.wantCPU, out.Spec.TargetCPUUtilizationPercentage); diff != "" {
				t.Errorf("CPU (-want +got):\n%s", diff)
			}
			back := &autoscalingv2.HorizontalPodAutoscaler{}
			if err := fromV1(out, back); err != nil {
				t.Fatal(err)
			}
			delete(c.hub.Annotations, metricsAnnotation)
			if diff := cmp.Diff(c.hub, back); diff != "" {
				t.Errorf("and back (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromV1(t *testing.T) {
	const both = `[{"type":"Resource","resource":{"name":"cpu","targetAverageUtilization":50}},{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":60}}]`
	share := memory(autoscalingv2.MetricTarget{Type: autoscalingv2.UtilizationMetricType, AverageUtilization: ptr.To[int32](60)})
	for name, c := range map[string]struct {
		cpu        *int32
		annotation string
		want       []autoscalingv2.MetricSpec
	}{
		"nothing":                    {want: []autoscalingv2.MetricSpec{cpuUtilization(80)}},
		"the CPU":                    {cpu: ptr.To[int32](70), want: []autoscalingv2.MetricSpec{cpuUtilization(70)}},
		"an annotation of no sense":  {cpu: ptr.To[int32](70), annotation: "{", want: []autoscalingv2.MetricSpec{cpuUtilization(70)}},
		"a client changed the CPU":   {cpu: ptr.To[int32](70), annotation: both, want: []autoscalingv2.MetricSpec{cpuUtilization(70), share}},
		"a client took the CPU away": {annotation: both, want: []autoscalingv2.MetricSpec{share}},
		"memory, as Kubernetes writes it": {
			cpu: ptr.To[int32](70), annotation: `[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":60}}]`,
			want: []autoscalingv2.MetricSpec{share, cpuUtilization(70)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in := &autoscalingv1.HorizontalPodAutoscaler{}
			in.Spec.TargetCPUUtilizationPercentage = c.cpu
			if c.annotation != "" {
				in.Annotations = map[string]string{metricsAnnotation: c.annotation}
			}
			hub := &autoscalingv2.HorizontalPodAutoscaler{}
			if err := fromV1(in, hub); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, hub.Spec.Metrics); diff != "" {
				t.Errorf("metrics (-want +got):\n%s", diff)
			}
			if len(hub.Annotations) > 0 {
				t.Errorf("annotations are left: %v", hub.Annotations)
			}
		})
	}
}

func TestBehaviorIsReadInEitherSpelling(t *testing.T) {
	in := &autoscalingv1.HorizontalPodAutoscaler{}
	in.Annotations = map[string]string{behaviorAnnotation: `{"scaleDown":{"selectPolicy":"Disabled"}}`}
	hub := &autoscalingv2.HorizontalPodAutoscaler{}
	if err := fromV1(in, hub); err != nil {
		t.Fatal(err)
	}
	want := &autoscalingv2.HorizontalPodAutoscalerBehavior{
		ScaleDown: &autoscalingv2.HPAScalingRules{SelectPolicy: ptr.To(autoscalingv2.DisabledPolicySelect)}}
	if diff := cmp.Diff(want, hub.Spec.Behavior); diff != "" {
		t.Error(diff)
	}
}
