// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
)

// is tells whether a request is for a resource or for one of its subresources ("" for the resource itself).
func is(a admission.Attributes, r schema.GroupResource, subresource string) bool {
	return a.GetResource().GroupResource() == r && a.GetSubresource() == subresource
}

// function types of plugins that look at objects, so that a plugin is little more than its decision.
type (
	admitFunc    func(ctx context.Context, a admission.Attributes) error
	validateFunc func(ctx context.Context, a admission.Attributes) error
)

// mutator is a plugin that completes objects.
type mutator struct {
	*admission.Handler
	admit admitFunc
}

var _ admission.MutationInterface = (*mutator)(nil)

// Admit implements admission.MutationInterface.
func (m *mutator) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	return m.admit(ctx, a)
}

// validator is a plugin that may refuse objects.
type validator struct {
	*admission.Handler
	validate validateFunc
}

var _ admission.ValidationInterface = (*validator)(nil)

// Validate implements admission.ValidationInterface.
func (v *validator) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	return v.validate(ctx, a)
}

// both is a plugin that does the one and then the other.
type both struct {
	*admission.Handler
	admit    admitFunc
	validate validateFunc
}

var (
	_ admission.MutationInterface   = (*both)(nil)
	_ admission.ValidationInterface = (*both)(nil)
)

// Admit implements admission.MutationInterface.
func (b *both) Admit(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	return b.admit(ctx, a)
}

// Validate implements admission.ValidationInterface.
func (b *both) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	return b.validate(ctx, a)
}
