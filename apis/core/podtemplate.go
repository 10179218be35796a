// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/internal/pods"
	"coxswain.dev/coxswain/apis/kind"
)

// PodTemplates are pod templates that stand on their own.
var PodTemplates = kind.Of[*corev1.PodTemplate, *corev1.PodTemplateList]{
	GroupVersion: corev1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "podtemplates"},
	Default:      func(t *corev1.PodTemplate) { pods.DefaultTemplate(&t.Template) },
	Validate: func(t, _ *corev1.PodTemplate) field.ErrorList {
		return pods.ValidateTemplate(&t.Template, field.NewPath("template"))
	},
	Owns: kind.Generation,
	Meaning: func(t, old *corev1.PodTemplate) bool {
		return !apiequality.Semantic.DeepEqual(t.Template, old.Template)
	},
	ReturnDeleted: true,
	Columns: []kind.Column[*corev1.PodTemplate]{
		{Name: "Containers", Value: func(t *corev1.PodTemplate, _ time.Time) any {
			return joined(t.Template.Spec.Containers, func(c corev1.Container) string { return c.Name })
		}},
		{Name: "Images", Value: func(t *corev1.PodTemplate, _ time.Time) any {
			return joined(t.Template.Spec.Containers, func(c corev1.Container) string { return c.Image })
		}},
		{Name: "Pod Labels", Value: func(t *corev1.PodTemplate, _ time.Time) any {
			return labels.FormatLabels(t.Template.Labels)
		}},
	},
}

func joined[T any](items []T, text func(T) string) string {
	texts := make([]string, 0, len(items))
	for _, item := range items {
		texts = append(texts, text(item))
	}
	return strings.Join(texts, ",")
}
