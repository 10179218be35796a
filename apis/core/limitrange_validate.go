// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/internal/pods"
)

func validateLimitRange(l, _ *corev1.LimitRange) field.ErrorList {
	var errs field.ErrorList
	types := sets.New[corev1.LimitType]()
	for i := range l.Spec.Limits {
		item, at := &l.Spec.Limits[i], field.NewPath("spec", "limits").Index(i)
		for _, message := range validation.IsQualifiedName(string(item.Type)) {
			errs = append(errs, field.Invalid(at.Child("type"), item.Type, message))
		}
		if types.Has(item.Type) {
			errs = append(errs, field.Duplicate(at.Child("type"), item.Type))
		}
		types.Insert(item.Type)
		errs = append(errs, validateLimitItem(item, at)...)
	}
	return errs
}

func validateLimitItem(item *corev1.LimitRangeItem, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[corev1.ResourceName]()
	lists := []struct {
		field string
		list  corev1.ResourceList
	}{
		{"max", item.Max}, {"min", item.Min}, {"default", item.Default},
		{"defaultRequest", item.DefaultRequest}, {"maxLimitRequestRatio", item.MaxLimitRequestRatio},
	}
	for _, l := range lists {
		for _, name := range slices.Sorted(maps.Keys(l.list)) {
			names.Insert(name)
			at := path.Child(l.field).Key(string(name))
			errs = append(errs, invalidName(at, string(name), validation.IsQualifiedName(string(name)))...)
			errs = append(errs, pods.ValidateQuantity(name, l.list[name], at)...)
		}
	}
	if item.Type == corev1.LimitTypePod {
		if len(item.Default) > 0 {
			errs = append(errs, field.Forbidden(path.Child("default"), "may not be specified when `type` is 'Pod'"))
		}
		if len(item.DefaultRequest) > 0 {
			errs = append(errs, field.Forbidden(path.Child("defaultRequest"), "may not be specified when `type` is 'Pod'"))
		}
	}
	if item.Type == corev1.LimitTypePersistentVolumeClaim {
		_, least := item.Min[corev1.ResourceStorage]
		_, most := item.Max[corev1.ResourceStorage]
		if !least && !most {
			errs = append(errs, field.Required(path.Child("limits"), "either minimum or maximum storage value is required, but neither was provided"))
		}
	}
	for _, name := range sets.List(names) {
		errs = append(errs, validateLimitOrder(item, name, path)...)
	}
	return errs
}

// validateLimitOrder checks that min ≤ default request ≤ default ≤ max for one resource, as far as they are given.
func validateLimitOrder(item *corev1.LimitRangeItem, name corev1.ResourceName, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	type bound struct {
		field, words string
		list         corev1.ResourceList
	}
	least, request := bound{"min", "min", item.Min}, bound{"defaultRequest", "default request", item.DefaultRequest}
	limit, most := bound{"default", "default", item.Default}, bound{"max", "max", item.Max}
	order := func(low, high bound, blamed bound) {
		a, ok := low.list[name]
		b, both := high.list[name]
		if ok && both && a.Cmp(b) > 0 {
			errs = append(errs, field.Invalid(path.Child(blamed.field).Key(string(name)), blamed.list[name],
				fmt.Sprintf("%s value %s is greater than %s value %s", low.words, a.String(), high.words, b.String())))
		}
	}
	order(least, most, least)
	if item.Type != corev1.LimitTypePod {
		order(least, request, request)
		order(request, most, request)
		order(request, bound{"default", "default limit", item.Default}, request)
		order(least, limit, limit)
		order(limit, most, limit)
	}
	ratio, ok := item.MaxLimitRequestRatio[name]
	if !ok {
		return errs
	}
	at := path.Child("maxLimitRequestRatio").Key(string(name))
	if ratio.MilliValue() < 1000 {
		errs = append(errs, field.Invalid(at, ratio, fmt.Sprintf("ratio %s is less than 1", ratio.String())))
	}
	low, haveLow := item.Min[name]
	high, haveHigh := item.Max[name]
	if haveLow && haveHigh && !low.IsZero() {
		if largest := float64(high.MilliValue()) / float64(low.MilliValue()); float64(ratio.MilliValue())/1000 > largest {
			errs = append(errs, field.Invalid(at, ratio,
				fmt.Sprintf("ratio %s is greater than max/min = %f", ratio.String(), largest)))
		}
	}
	return errs
}
