// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduling

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

func class(name string, value int32, change ...func(*schedulingv1.PriorityClass)) *schedulingv1.PriorityClass {
	c := &schedulingv1.PriorityClass{Value: value}
	c.Name = name
	PriorityClasses.Default(c)
	for _, f := range change {
		f(c)
	}
	return c
}

func TestValidatePriorityClass(t *testing.T) {
	for name, c := range map[string]struct {
		class, old *schedulingv1.PriorityClass
		want       []string
	}{
		"a usual one":      {class: class("high", 1000)},
		"a negative one":   {class: class("low", -5)},
		"the highest":      {class: class("high", HighestUserPriority)},
		"higher than that": {class("high", HighestUserPriority+1), nil, []string{`value: Forbidden: maximum allowed value of a user defined priority is 1000000000`}},
		"a system class":   {class: class(SystemNodeCritical, 2000001000)},
		"a system class with another value": {class(SystemClusterCritical, 5), nil, []string{
			`metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: value of system-cluster-critical PriorityClass must be 2000000000`}},
		"a system class as the default": {
			class(SystemClusterCritical, 2000000000, func(c *schedulingv1.PriorityClass) { c.GlobalDefault = true }), nil, []string{
				`metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: globalDefault of system-cluster-critical PriorityClass must be false`}},
		"an unknown system class": {class("system-x", 5), nil, []string{
			`metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-x is not a known system priority class`}},
		"an unknown policy": {
			class("high", 1, func(c *schedulingv1.PriorityClass) { c.PreemptionPolicy = ptr.To[corev1.PreemptionPolicy]("Maybe") }), nil, []string{
				`preemptionPolicy: Unsupported value: "Maybe": supported values: "PreemptLowerPriority", "Never"`}},
		"an empty policy": {
			class("high", 1, func(c *schedulingv1.PriorityClass) { c.PreemptionPolicy = ptr.To[corev1.PreemptionPolicy]("") }), nil,
			[]string{`preemptionPolicy: Required value`}},
		"a new description": {
			class: class("high", 1, func(c *schedulingv1.PriorityClass) { c.Description = "x" }), old: class("high", 1)},
		"another value and policy": {
			class("high", 2, func(c *schedulingv1.PriorityClass) { c.PreemptionPolicy = ptr.To(corev1.PreemptNever) }), class("high", 1), []string{
				`value: Forbidden: may not be changed in an update.`,
				`preemptionPolicy: Invalid value: "Never": field is immutable`,
			}},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, validatePriorityClass(c.class, c.old), c.want...)
		})
	}
}

func TestSystemClassesAreValid(t *testing.T) {
	for _, c := range SystemClasses() {
		metatest.CheckErrors(t, validatePriorityClass(c, nil))
	}
}

func TestPriorityClassRow(t *testing.T) {
	c := class("high", 1000)
	PriorityClasses.OnCreate(context.Background(), c)
	if c.Generation != 1 {
		t.Errorf("generation %d", c.Generation)
	}
	metatest.CheckRow(t, PriorityClasses, c, time.Now(),
		"Value=1000", "Global-Default=false", "Age=<unknown>", "PreemptionPolicy=PreemptLowerPriority")
}
