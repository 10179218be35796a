// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"

	"coxswain.dev/coxswain/apiserver/quantities"
)

// newQuantities refuses objects with quantities that cannot be computed with. It has no name, since it is not for anybody
// to switch off, and stands at both ends of the chain: before the plugins that calculate, and behind those that may put
// quantities in (webhooks, policies). It is not part of a kind's validation, because subresources have rules of their
// own and preparing an object for validation calculates as well.
func newQuantities() admission.Interface {
	check := func(_ context.Context, a admission.Attributes) error {
		obj := a.GetObject()
		if obj == nil {
			return nil
		}
		if errs := quantities.Check(obj); len(errs) > 0 {
			return apierrors.NewInvalid(a.GetKind().GroupKind(), a.GetName(), errs)
		}
		return nil
	}
	return &both{Handler: admission.NewHandler(admission.Create, admission.Update), admit: check, validate: check}
}
