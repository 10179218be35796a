// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// LimitRanges bound, and fill in, the resources that one object of a namespace may ask for.
var LimitRanges = kind.Of[*corev1.LimitRange, *corev1.LimitRangeList]{
	GroupVersion:   corev1.SchemeGroupVersion,
	Names:          kind.Names{Plural: "limitranges", Short: []string{"limits"}},
	Default:        defaultLimitRange,
	Validate:       validateLimitRange,
	CreateOnUpdate: true,
	Columns: []kind.Column[*corev1.LimitRange]{
		{Name: "Created At", Value: func(l *corev1.LimitRange, _ time.Time) any {
			return l.CreationTimestamp.UTC().Format(time.RFC3339)
		}},
	},
}

// defaultLimitRange derives a container's default limits from the maximum, and its default requests from those or from
// the minimum.
func defaultLimitRange(l *corev1.LimitRange) {
	for i := range l.Spec.Limits {
		item := &l.Spec.Limits[i]
		if item.Type != corev1.LimitTypeContainer {
			continue
		}
		item.Default = filledFrom(item.Default, item.Max)
		item.DefaultRequest = filledFrom(filledFrom(item.DefaultRequest, item.Default), item.Min)
	}
}

func filledFrom(list, source corev1.ResourceList) corev1.ResourceList {
	if list == nil {
		list = make(corev1.ResourceList, len(source))
	}
	for name, quantity := range source {
		if _, ok := list[name]; !ok {
			list[name] = quantity.DeepCopy()
		}
	}
	return list
}
