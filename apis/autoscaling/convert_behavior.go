// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package autoscaling

import (
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/resource"
)

// carriedBehavior is a behavior as the annotation of v1 spells it: field names begin with a capital, and what is not set
// is null. Kubernetes writes it so, and tools read it.
type carriedBehavior struct {
	ScaleUp   *carriedRules
	ScaleDown *carriedRules
}

type carriedRules struct {
	StabilizationWindowSeconds *int32
	SelectPolicy               *autoscalingv2.ScalingPolicySelect
	Policies                   []carriedPolicy
	Tolerance                  *resource.Quantity
}

type carriedPolicy struct {
	Type          autoscalingv2.HPAScalingPolicyType
	Value         int32
	PeriodSeconds int32
}

func behaviorToV1(behavior *autoscalingv2.HorizontalPodAutoscalerBehavior) carriedBehavior {
	return carriedBehavior{ScaleUp: rulesToV1(behavior.ScaleUp), ScaleDown: rulesToV1(behavior.ScaleDown)}
}

func behaviorFromV1(behavior carriedBehavior) *autoscalingv2.HorizontalPodAutoscalerBehavior {
	return &autoscalingv2.HorizontalPodAutoscalerBehavior{
		ScaleUp: rulesFromV1(behavior.ScaleUp), ScaleDown: rulesFromV1(behavior.ScaleDown),
	}
}

func rulesToV1(rules *autoscalingv2.HPAScalingRules) *carriedRules {
	if rules == nil {
		return nil
	}
	return &carriedRules{
		StabilizationWindowSeconds: rules.StabilizationWindowSeconds,
		SelectPolicy:               rules.SelectPolicy,
		Tolerance:                  rules.Tolerance,
		Policies: each(rules.Policies, func(p *autoscalingv2.HPAScalingPolicy) carriedPolicy {
			return carriedPolicy(*p)
		}),
	}
}

func rulesFromV1(rules *carriedRules) *autoscalingv2.HPAScalingRules {
	if rules == nil {
		return nil
	}
	return &autoscalingv2.HPAScalingRules{
		StabilizationWindowSeconds: rules.StabilizationWindowSeconds,
		SelectPolicy:               rules.SelectPolicy,
		Tolerance:                  rules.Tolerance,
		Policies: each(rules.Policies, func(p *carriedPolicy) autoscalingv2.HPAScalingPolicy {
			return autoscalingv2.HPAScalingPolicy(*p)
		}),
	}
}
