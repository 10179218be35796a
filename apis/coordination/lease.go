// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package coordination

import (
	"context"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/kind"
)

// Leases say who holds something, and until when if he does not say it again: nodes that they live, components that they
// lead.
var Leases = kind.Of[*coordinationv1.Lease, *coordinationv1.LeaseList]{
	GroupVersion: coordinationv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "leases"},
	Validate:     validateLease,
	OnCreate:     func(_ context.Context, lease *coordinationv1.Lease) { dropCoordination(lease, nil) },
	OnUpdate:     func(_ context.Context, lease, old *coordinationv1.Lease) { dropCoordination(lease, old) },
	// Two candidates that renew at once must not both win.
	CreateOnUpdate:         true,
	RequireResourceVersion: true,
	Columns: []kind.Column[*coordinationv1.Lease]{
		{Name: "Holder", Description: coordinationv1.LeaseSpec{}.SwaggerDoc()["holderIdentity"], Value: func(lease *coordinationv1.Lease, _ time.Time) any {
			return ptr.Deref(lease.Spec.HolderIdentity, "")
		}},
		kind.Age[*coordinationv1.Lease](),
	},
}

// dropCoordination clears the fields of coordinated leader election, which is off by default, unless they are in use.
func dropCoordination(lease, old *coordinationv1.Lease) {
	if old != nil && old.Spec.Strategy != nil {
		return
	}
	lease.Spec.Strategy = nil
	lease.Spec.PreferredHolder = nil
}

func validateLease(lease, _ *coordinationv1.Lease) field.ErrorList {
	var errs field.ErrorList
	path := field.NewPath("spec")
	spec := &lease.Spec
	if seconds := spec.LeaseDurationSeconds; seconds != nil && *seconds <= 0 {
		errs = append(errs, field.Invalid(path.Child("leaseDurationSeconds"), *seconds, "must be greater than 0"))
	}
	if transitions := spec.LeaseTransitions; transitions != nil && *transitions < 0 {
		errs = append(errs, field.Invalid(path.Child("leaseTransitions"), *transitions, "must be greater than or equal to 0"))
	}
	if spec.Strategy != nil {
		errs = append(errs, validateStrategy(*spec.Strategy, path.Child("strategy"))...)
	}
	if holder := ptr.Deref(spec.PreferredHolder, ""); holder != "" && ptr.Deref(spec.Strategy, "") == "" {
		errs = append(errs, field.Forbidden(path.Child("preferredHolder"), "may only be specified if `strategy` is defined"))
	}
	return errs
}

// validateStrategy takes the strategy that Kubernetes defines and any that is qualified with a domain.
func validateStrategy(strategy coordinationv1.CoordinatedLeaseStrategy, path *field.Path) field.ErrorList {
	if strings.Contains(string(strategy), "/") {
		return meta.Invalid(path, strategy, validation.IsQualifiedName(string(strategy)))
	}
	if strategy == coordinationv1.OldestEmulationVersion {
		return nil
	}
	return field.ErrorList{field.NotSupported(path, strategy, []coordinationv1.CoordinatedLeaseStrategy{coordinationv1.OldestEmulationVersion})}
}
