// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"

	"coxswain.dev/coxswain/apiserver/auth/rbac"
)

// escalation keeps people from granting what they do not hold. It is no plugin that could be switched off: with RBAC on,
// it always runs. It validates, so it sees what webhooks made of the object.
type escalation struct {
	check *rbac.Escalation
}

var _ admission.ValidationInterface = (*escalation)(nil)

// Handles implements admission.Interface.
func (e *escalation) Handles(op admission.Operation) bool {
	return op == admission.Create || op == admission.Update
}

// Validate implements admission.ValidationInterface.
func (e *escalation) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if a.GetResource().Group != rbacv1.GroupName || a.GetSubresource() != "" {
		return nil
	}
	var old runtime.Object
	if a.GetOperation() == admission.Update {
		old = a.GetOldObject()
	}
	return e.check.Check(ctx, a.GetObject(), old)
}
