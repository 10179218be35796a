// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package horizontalpodautoscaler

import (
	"math"
	"time"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/utils/ptr"
)

// Reasons and messages of the conditions that tell what became of a recommendation, as Kubernetes words them.
const (
	reasonUpStabilized   = "ScaleUpStabilized"
	reasonDownStabilized = "ScaleDownStabilized"
	reasonReady          = "ReadyForNewScale"
	reasonWithinRange    = "DesiredWithinRange"
	reasonUpLimit        = "ScaleUpLimit"
	reasonDownLimit      = "ScaleDownLimit"
	reasonTooMany        = "TooManyReplicas"
	reasonTooFew         = "TooFewReplicas"
)

var messages = map[string]string{
	reasonUpStabilized:   "recent recommendations were lower than current one, applying the lowest recent recommendation",
	reasonDownStabilized: "recent recommendations were higher than current one, applying the highest recent recommendation",
	reasonReady:          "recommended size matches current size",
	reasonWithinRange:    "the desired count is within the acceptable range",
	reasonUpLimit:        "the desired replica count is increasing faster than the maximum scale rate",
	reasonDownLimit:      "the desired replica count is decreasing faster than the maximum scale rate",
	reasonTooMany:        "the desired replica count is more than the maximum replica count",
	reasonTooFew:         "the desired replica count is less than the minimum replica count",
}

// rules returns the scaling rules of an autoscaler with Kubernetes' defaults for what it leaves open.
func rules(hpa *autoscalingv2.HorizontalPodAutoscaler, downscaleStabilization time.Duration) (up, down autoscalingv2.HPAScalingRules) {
	up = autoscalingv2.HPAScalingRules{
		StabilizationWindowSeconds: ptr.To(int32(0)), SelectPolicy: ptr.To(autoscalingv2.MaxChangePolicySelect),
		Policies: []autoscalingv2.HPAScalingPolicy{
			{Type: autoscalingv2.PodsScalingPolicy, Value: 4, PeriodSeconds: 15},
			{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15},
		},
	}
	down = autoscalingv2.HPAScalingRules{
		StabilizationWindowSeconds: ptr.To(int32(downscaleStabilization / time.Second)), SelectPolicy: ptr.To(autoscalingv2.MaxChangePolicySelect),
		Policies: []autoscalingv2.HPAScalingPolicy{{Type: autoscalingv2.PercentScalingPolicy, Value: 100, PeriodSeconds: 15}},
	}
	if behavior := hpa.Spec.Behavior; behavior != nil {
		override(&up, behavior.ScaleUp)
		override(&down, behavior.ScaleDown)
	}
	return up, down
}

func override(rules, given *autoscalingv2.HPAScalingRules) {
	if given == nil {
		return
	}
	if given.StabilizationWindowSeconds != nil {
		rules.StabilizationWindowSeconds = given.StabilizationWindowSeconds
	}
	if given.SelectPolicy != nil {
		rules.SelectPolicy = given.SelectPolicy
	}
	if len(given.Policies) > 0 {
		rules.Policies = given.Policies
	}
	rules.Tolerance = given.Tolerance
}

// recommendation is what was recommended at a time; scaling is a change of replicas that was made.
type recommendation struct {
	replicas int32
	at       time.Time
}

type scaling struct {
	change int32 // always positive
	at     time.Time
}

// memory is what is remembered of an autoscaler.
type memory struct {
	recommendations []recommendation
	ups, downs      []scaling
}

// stabilize bounds a recommendation by the recent ones: the count goes up no further than the lowest of the window for
// going up, and down no further than the highest of the window for going down.
func stabilize(m memory, current, desired int32, up, down autoscalingv2.HPAScalingRules, now time.Time) (int32, string) {
	low, high := desired, desired
	since := func(rules autoscalingv2.HPAScalingRules) time.Time {
		return now.Add(-seconds(*rules.StabilizationWindowSeconds))
	}
	for _, r := range m.recommendations {
		if r.at.After(since(up)) {
			low = min(low, r.replicas)
		}
		if r.at.After(since(down)) {
			high = max(high, r.replicas)
		}
	}
	stable := current
	if stable < low {
		stable = low
	}
	if stable > high {
		stable = high
	}
	switch {
	case stable == desired:
		return stable, reasonReady
	case desired >= current:
		return stable, reasonUpStabilized
	}
	return stable, reasonDownStabilized
}

// limit bounds a count by the policies for its direction and by the smallest and largest count allowed.
func limit(m memory, current, desired, least, most int32, up, down autoscalingv2.HPAScalingRules, now time.Time) (int32, string) {
	switch {
	case desired > current:
		bound, reason := most, reasonTooMany
		if allowed := max(current, upLimit(m, current, up, now)); allowed < bound {
			bound, reason = allowed, reasonUpLimit
		}
		if desired > bound {
			return bound, reason
		}
	case desired < current:
		bound, reason := least, reasonTooFew
		if allowed := min(current, downLimit(m, current, down, now)); allowed > bound {
			bound, reason = allowed, reasonDownLimit
		}
		if desired < bound {
			return bound, reason
		}
	}
	return desired, reasonWithinRange
}

func upLimit(m memory, current int32, rules autoscalingv2.HPAScalingRules, now time.Time) int32 {
	if *rules.SelectPolicy == autoscalingv2.DisabledPolicySelect {
		return current
	}
	limits := make([]int32, len(rules.Policies))
	for i, policy := range rules.Policies {
		before := m.before(current, policy.PeriodSeconds, now)
		limits[i] = before + policy.Value
		if policy.Type == autoscalingv2.PercentScalingPolicy {
			limits[i] = ceil(float64(before) * (1 + float64(policy.Value)/100))
		}
	}
	return pick(limits, *rules.SelectPolicy != autoscalingv2.MinChangePolicySelect)
}

func downLimit(m memory, current int32, rules autoscalingv2.HPAScalingRules, now time.Time) int32 {
	if *rules.SelectPolicy == autoscalingv2.DisabledPolicySelect {
		return current
	}
	limits := make([]int32, len(rules.Policies))
	for i, policy := range rules.Policies {
		before := m.before(current, policy.PeriodSeconds, now)
		limits[i] = before - policy.Value
		if policy.Type == autoscalingv2.PercentScalingPolicy {
			limits[i] = int32(float64(before) * (1 - float64(policy.Value)/100))
		}
	}
	return pick(limits, *rules.SelectPolicy == autoscalingv2.MinChangePolicySelect)
}

func pick(limits []int32, largest bool) int32 {
	picked := int32(math.MaxInt32)
	if largest {
		picked = math.MinInt32
	}
	for _, l := range limits {
		if largest {
			picked = max(picked, l)
		} else {
			picked = min(picked, l)
		}
	}
	return picked
}

// before is how many replicas there were at the start of a period that ends now.
func (m memory) before(current, period int32, now time.Time) int32 {
	since := now.Add(-seconds(period))
	for _, s := range m.ups {
		if s.at.After(since) {
			current -= s.change
		}
	}
	for _, s := range m.downs {
		if s.at.After(since) {
			current += s.change
		}
	}
	return current
}

// recommended adds a recommendation and drops those that no window reaches.
func (m memory) recommended(replicas int32, up, down autoscalingv2.HPAScalingRules, now time.Time) memory {
	window := seconds(max(*up.StabilizationWindowSeconds, *down.StabilizationWindowSeconds))
	m.recommendations = append(fresh(m.recommendations, func(r recommendation) bool { return r.at.After(now.Add(-window)) }), recommendation{replicas, now})
	return m
}

// scaled adds a change and drops those that no period reaches.
func (m memory) scaled(from, to int32, up, down autoscalingv2.HPAScalingRules, now time.Time) memory {
	keep := func(rules autoscalingv2.HPAScalingRules) func(scaling) bool {
		longest := int32(0)
		for _, policy := range rules.Policies {
			longest = max(longest, policy.PeriodSeconds)
		}
		return func(s scaling) bool { return s.at.After(now.Add(-seconds(longest))) }
	}
	m.ups, m.downs = fresh(m.ups, keep(up)), fresh(m.downs, keep(down))
	if to > from {
		m.ups = append(m.ups, scaling{to - from, now})
	} else {
		m.downs = append(m.downs, scaling{from - to, now})
	}
	return m
}

func fresh[T any](all []T, keep func(T) bool) []T {
	var kept []T
	for _, one := range all {
		if keep(one) {
			kept = append(kept, one)
		}
	}
	return kept
}

func seconds(n int32) time.Duration { return time.Duration(n) * time.Second }
