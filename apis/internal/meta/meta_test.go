// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package meta_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

func TestIntOrPercent(t *testing.T) {
	path := field.NewPath("n")
	for name, c := range map[string]struct {
		value *intstr.IntOrString
		zero  bool
		want  []string
	}{
		"nil":                {nil, true, nil},
		"zero":               {ptr.To(intstr.FromInt32(0)), true, nil},
		"no percent":         {ptr.To(intstr.FromString("0%")), true, nil},
		"some":               {ptr.To(intstr.FromInt32(3)), false, nil},
		"all":                {ptr.To(intstr.FromString("100%")), false, nil},
		"more than all":      {ptr.To(intstr.FromString("101%")), false, []string{`n: Invalid value: "101%": must not be greater than 100%`}},
		"less than none":     {ptr.To(intstr.FromInt32(-1)), false, []string{`n: Invalid value: -1: must be greater than or equal to 0`}},
		"no number":          {ptr.To(intstr.FromString("a")), true, []string{`n: Invalid value: "a": a valid percent string must be a numeric string…`}},
		"a number too large": {ptr.To(intstr.FromString("99999999999999999999%")), false, []string{`n: Invalid value: "99999999999999999999%": must not be greater than 100%`}},
		"neither":            {&intstr.IntOrString{Type: 7}, true, []string{`n: Invalid value: intstr.IntOrString{Type:7, IntVal:0, StrVal:""}: must be an integer or percentage (e.g '5%%')`}},
	} {
		t.Run(name, func(t *testing.T) {
			errs := append(meta.ValidateIntOrPercent(c.value, path), meta.ValidateAtMostAll(c.value, path)...)
			metatest.CheckErrors(t, errs, c.want...)
			if got := meta.IsZero(c.value); got != c.zero {
				t.Errorf("is zero: %v, want %v", got, c.zero)
			}
		})
	}
}

func TestSelectorString(t *testing.T) {
	for want, selector := range map[string]*metav1.LabelSelector{
		"":             {},
		"app=web,!old": {MatchLabels: map[string]string{"app": "web"}, MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "old", Operator: metav1.LabelSelectorOpDoesNotExist}}},
	} {
		if got, err := meta.SelectorString(selector); err != nil || got != want {
			t.Errorf("%q (%v), want %q", got, err, want)
		}
	}
	if _, err := meta.SelectorString(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}); err == nil {
		t.Error("an unknown operator is taken")
	}
}

func TestCells(t *testing.T) {
	for want, list := range map[string][]string{"": nil, "a": {"a"}, "a, b": {"a", "b"}, "a, b + 2 more...": {"a", "b", "c", "d"}} {
		if got := meta.FirstFew(list, 2, ", "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	spec := &corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: "x"}, {Name: "b", Image: "y"}}}
	if names, images := meta.ContainerNames(spec), meta.ContainerImages(spec); names != "a,b" || images != "x,y" {
		t.Errorf("names %q, images %q", names, images)
	}
}
