// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authorization

import (
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

func TestValidateReviews(t *testing.T) {
	resource := &authorizationv1.ResourceAttributes{Verb: "get", Resource: "pods", Namespace: "ns"}
	other := &authorizationv1.NonResourceAttributes{Verb: "get", Path: "/healthz"}
	const both = `spec.nonResourceAttributes: Invalid value: {"path":"/healthz","verb":"get"}: cannot be specified in combination with resourceAttributes`
	const neither = `spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified`
	for name, c := range map[string]struct {
		spec authorizationv1.SubjectAccessReviewSpec
		meta metav1.ObjectMeta
		// What is wrong with the question in each form; the form about oneself has no subject.
		want, wantLocal, wantSelf []string
	}{
		"about a resource": {
			spec:      authorizationv1.SubjectAccessReviewSpec{User: "ann", ResourceAttributes: resource},
			wantLocal: []string{`spec.resourceAttributes.namespace: Invalid value: "ns": must match metadata.namespace`},
		},
		"about a resource in a namespace": {
			spec:     authorizationv1.SubjectAccessReviewSpec{User: "ann", ResourceAttributes: resource},
			meta:     metav1.ObjectMeta{Namespace: "ns"},
			want:     []string{`metadata: Invalid value: {"namespace":"ns"}: must be empty`},
			wantSelf: []string{`metadata: Invalid value: {"namespace":"ns"}: must be empty`},
		},
		"about a path": {
			spec:      authorizationv1.SubjectAccessReviewSpec{Groups: []string{"ops"}, NonResourceAttributes: other},
			wantLocal: []string{`spec.nonResourceAttributes: Invalid value: {"path":"/healthz","verb":"get"}: disallowed on this kind of request`},
		},
		"about both, of nobody": {
			spec: authorizationv1.SubjectAccessReviewSpec{ResourceAttributes: resource, NonResourceAttributes: other},
			want: []string{both, `spec.user: Invalid value: "": at least one of user or group must be specified`},
			wantLocal: []string{
				both, `spec.user: Invalid value: "": at least one of user or group must be specified`,
				`spec.resourceAttributes.namespace: Invalid value: "ns": must match metadata.namespace`,
				`spec.nonResourceAttributes: Invalid value: {"path":"/healthz","verb":"get"}: disallowed on this kind of request`,
			},
			wantSelf: []string{both},
		},
		"about nothing": {
			spec:      authorizationv1.SubjectAccessReviewSpec{User: "ann"},
			want:      []string{neither},
			wantLocal: []string{neither},
			wantSelf:  []string{neither},
		},
		"with a name": {
			spec:      authorizationv1.SubjectAccessReviewSpec{User: "ann", NonResourceAttributes: other},
			meta:      metav1.ObjectMeta{Name: "x"},
			want:      []string{`metadata: Invalid value: {"name":"x"}: must be empty`},
			wantSelf:  []string{`metadata: Invalid value: {"name":"x"}: must be empty`},
			wantLocal: []string{`metadata: Invalid value: {"name":"x"}: must be empty except for namespace`, `spec.nonResourceAttributes: Invalid value: {"path":"/healthz","verb":"get"}: disallowed on this kind of request`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, SubjectAccessReviews.Validate(
				&authorizationv1.SubjectAccessReview{ObjectMeta: c.meta, Spec: c.spec}, nil), c.want...)
			metatest.CheckErrors(t, LocalSubjectAccessReviews.Validate(
				&authorizationv1.LocalSubjectAccessReview{ObjectMeta: c.meta, Spec: c.spec}, nil), c.wantLocal...)
			metatest.CheckErrors(t, SelfSubjectAccessReviews.Validate(&authorizationv1.SelfSubjectAccessReview{
				ObjectMeta: c.meta,
				Spec: authorizationv1.SelfSubjectAccessReviewSpec{
					ResourceAttributes: c.spec.ResourceAttributes, NonResourceAttributes: c.spec.NonResourceAttributes},
			}, nil), c.wantSelf...)
		})
	}
}

func TestValidateSelectors(t *testing.T) {
	requirement := metav1.FieldSelectorRequirement{Key: "spec.nodeName", Operator: metav1.FieldSelectorOpIn, Values: []string{"a"}}
	unknown := metav1.LabelSelectorRequirement{Key: "app", Operator: "Like", Values: []string{"a"}}
	for name, c := range map[string]struct {
		fields *authorizationv1.FieldSelectorAttributes
		labels *authorizationv1.LabelSelectorAttributes
		want   []string
	}{
		"none":         {},
		"requirements": {fields: &authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{requirement}}},
		"raw":          {labels: &authorizationv1.LabelSelectorAttributes{RawSelector: "app=web"}},
		"an operator of later": {
			labels: &authorizationv1.LabelSelectorAttributes{Requirements: []metav1.LabelSelectorRequirement{unknown}}},
		"both forms": {
			fields: &authorizationv1.FieldSelectorAttributes{RawSelector: "a=b", Requirements: []metav1.FieldSelectorRequirement{requirement}},
			want:   []string{`spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements`},
		},
		"neither": {
			labels: &authorizationv1.LabelSelectorAttributes{},
			want: []string{`spec.resourceAttributes.labelSelector.requirements: Required value: ` +
				`when spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is required`},
		},
		"no values": {
			fields: &authorizationv1.FieldSelectorAttributes{Requirements: []metav1.FieldSelectorRequirement{{Key: "a", Operator: "In"}}},
			want: []string{"spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: " +
				"must be specified when `operator` is 'In' or 'NotIn'"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
				ResourceAttributes: &authorizationv1.ResourceAttributes{Verb: "list", FieldSelector: c.fields, LabelSelector: c.labels}}}
			metatest.CheckErrors(t, SelfSubjectAccessReviews.Validate(review, nil), c.want...)
		})
	}
}
