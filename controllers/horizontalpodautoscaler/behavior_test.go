// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package horizontalpodautoscaler

import (
	"testing"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/utils/ptr"
)

// hpaWith makes an autoscaler whose behavior is changed by f.
func hpaWith(f func(up, down *autoscalingv2.HPAScalingRules)) *autoscalingv2.HorizontalPodAutoscaler {
	up, down := &autoscalingv2.HPAScalingRules{}, &autoscalingv2.HPAScalingRules{}
	if f != nil {
		f(up, down)
	}
	hpa := &autoscalingv2.HorizontalPodAutoscaler{}
	hpa.Spec.Behavior = &autoscalingv2.HorizontalPodAutoscalerBehavior{ScaleUp: up, ScaleDown: down}
	return hpa
}

func ago(seconds int) time.Time { return epoch.Add(-time.Duration(seconds) * time.Second) }

func TestStabilize(t *testing.T) {
	upWindow := hpaWith(func(up, _ *autoscalingv2.HPAScalingRules) { up.StabilizationWindowSeconds = ptr.To(int32(60)) })
	tests := []struct {
		name             string
		hpa              *autoscalingv2.HorizontalPodAutoscaler
		recent           []recommendation
		current, desired int32
		want             int32
		reason           string
	}{
		{"up at once by default", hpaWith(nil), []recommendation{{2, ago(10)}}, 2, 8, 8, reasonReady},
		{"down waits for the window", hpaWith(nil), []recommendation{{8, ago(290)}}, 8, 2, 8, reasonDownStabilized},
		{"down to the highest of the window", hpaWith(nil), []recommendation{{8, ago(310)}, {5, ago(100)}}, 8, 2, 5, reasonDownStabilized},
		{"down after the window", hpaWith(nil), []recommendation{{8, ago(301)}}, 8, 2, 2, reasonReady},
		{"up to the lowest of its window", upWindow, []recommendation{{3, ago(30)}}, 2, 8, 3, reasonUpStabilized},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			up, down := rules(test.hpa, 5*time.Minute)
			got, reason := stabilize(memory{recommendations: test.recent}, test.current, test.desired, up, down, epoch)
			if got != test.want || reason != test.reason {
				t.Errorf("stabilize() = %d, %s; want %d, %s", got, reason, test.want, test.reason)
			}
		})
	}
}

func TestLimit(t *testing.T) {
	policy := func(kind autoscalingv2.HPAScalingPolicyType, value, period int32) autoscalingv2.HPAScalingPolicy {
		return autoscalingv2.HPAScalingPolicy{Type: kind, Value: value, PeriodSeconds: period}
	}
	slowDown := hpaWith(func(_, down *autoscalingv2.HPAScalingRules) {
		down.Policies = []autoscalingv2.HPAScalingPolicy{policy(autoscalingv2.PodsScalingPolicy, 1, 60), policy(autoscalingv2.PercentScalingPolicy, 20, 60)}
	})
	slowest := hpaWith(func(up, down *autoscalingv2.HPAScalingRules) {
		up.SelectPolicy = ptr.To(autoscalingv2.MinChangePolicySelect)
		down.SelectPolicy = ptr.To(autoscalingv2.DisabledPolicySelect)
	})
	tests := []struct {
		name             string
		hpa              *autoscalingv2.HorizontalPodAutoscaler
		m                memory
		current, desired int32
		want             int32
		reason           string
	}{
		{"within range", hpaWith(nil), memory{}, 4, 6, 6, reasonWithinRange},
		{"four pods or double, whichever is more", hpaWith(nil), memory{}, 2, 20, 6, reasonUpLimit},
		{"double", hpaWith(nil), memory{}, 10, 90, 20, reasonUpLimit},
		{"what was added within the period counts", hpaWith(nil), memory{ups: []scaling{{4, ago(5)}}}, 6, 20, 6, reasonUpLimit},
		{"what was added before does not", hpaWith(nil), memory{ups: []scaling{{4, ago(16)}}}, 6, 20, 12, reasonUpLimit},
		{"the largest count allowed", hpaWith(nil), memory{}, 90, 200, 100, reasonTooMany},
		{"the smallest count allowed", hpaWith(nil), memory{}, 4, 0, 1, reasonTooFew},
		{"down by 20 % or one pod, whichever is more", slowDown, memory{}, 50, 1, 40, reasonDownLimit},
		{"down, with pods gone within the period", slowDown, memory{downs: []scaling{{10, ago(30)}}}, 40, 1, 40, reasonDownLimit},
		{"the slower policy", slowest, memory{}, 2, 20, 4, reasonUpLimit},
		{"down is turned off", slowest, memory{}, 10, 2, 10, reasonDownLimit},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			up, down := rules(test.hpa, 5*time.Minute)
			got, reason := limit(test.m, test.current, test.desired, 1, 100, up, down, epoch)
			if got != test.want || reason != test.reason {
				t.Errorf("limit() = %d, %s; want %d, %s", got, reason, test.want, test.reason)
			}
		})
	}
}

func TestMemoryForgets(t *testing.T) {
	up, down := rules(hpaWith(nil), time.Minute)
	m := memory{recommendations: []recommendation{{1, ago(61)}, {2, ago(59)}}, ups: []scaling{{1, ago(16)}, {2, ago(14)}}}
	m = m.recommended(3, up, down, epoch)
	m = m.scaled(3, 5, up, down, epoch)
	if len(m.recommendations) != 2 || m.recommendations[0].replicas != 2 {
		t.Errorf("recommendations: %v", m.recommendations)
	}
	if len(m.ups) != 2 || m.ups[1].change != 2 || len(m.downs) != 0 {
		t.Errorf("scalings: %v, %v", m.ups, m.downs)
	}
}
