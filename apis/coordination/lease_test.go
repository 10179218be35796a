// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package coordination

import (
	"context"
	"testing"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

func TestValidateLease(t *testing.T) {
	strategy := ptr.To(coordinationv1.OldestEmulationVersion)
	for name, c := range map[string]struct {
		spec coordinationv1.LeaseSpec
		want []string
	}{
		"an empty one is right": {},
		"a usual one is right": {spec: coordinationv1.LeaseSpec{
			HolderIdentity: ptr.To("a"), LeaseDurationSeconds: ptr.To[int32](15), LeaseTransitions: ptr.To[int32](0)}},
		"no time and negative transitions": {
			coordinationv1.LeaseSpec{LeaseDurationSeconds: ptr.To[int32](0), LeaseTransitions: ptr.To[int32](-1)},
			[]string{
				`spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0`,
				`spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0`,
			},
		},
		"a preferred holder with a strategy is right": {spec: coordinationv1.LeaseSpec{Strategy: strategy, PreferredHolder: ptr.To("a")}},
		"a preferred holder without one": {
			coordinationv1.LeaseSpec{PreferredHolder: ptr.To("a")},
			[]string{"spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined"},
		},
		"somebody's own strategy is right": {spec: coordinationv1.LeaseSpec{Strategy: ptr.To[coordinationv1.CoordinatedLeaseStrategy]("example.com/fastest")}},
		"a strategy that is no name": {
			coordinationv1.LeaseSpec{Strategy: ptr.To[coordinationv1.CoordinatedLeaseStrategy]("/")},
			[]string{`spec.strategy: Invalid value: "/": prefix part must be non-empty`, `spec.strategy: Invalid value: "/": name part must be non-empty`,
				`spec.strategy: Invalid value: "/": name part must consist of…`},
		},
		"an unknown strategy": {
			coordinationv1.LeaseSpec{Strategy: ptr.To[coordinationv1.CoordinatedLeaseStrategy]("Fastest")},
			[]string{`spec.strategy: Unsupported value: "Fastest": supported values: "OldestEmulationVersion"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, validateLease(&coordinationv1.Lease{Spec: c.spec}, nil), c.want...)
		})
	}
}

func TestCoordinationIsOffUnlessInUse(t *testing.T) {
	coordinated := func() *coordinationv1.Lease {
		return &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{
			Strategy: ptr.To(coordinationv1.OldestEmulationVersion), PreferredHolder: ptr.To("b")}}
	}
	created := coordinated()
	Leases.OnCreate(context.Background(), created)
	if created.Spec.Strategy != nil || created.Spec.PreferredHolder != nil {
		t.Errorf("created with %+v", created.Spec)
	}
	updated := coordinated()
	Leases.OnUpdate(context.Background(), updated, coordinated())
	if updated.Spec.Strategy == nil || updated.Spec.PreferredHolder == nil {
		t.Errorf("updated to %+v", updated.Spec)
	}
}

func TestLeaseRow(t *testing.T) {
	metatest.CheckRow(t, Leases, &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: ptr.To("node-1")}}, time.Now(),
		"Holder=node-1", "Age=<unknown>")
	metatest.CheckRow(t, Leases, &coordinationv1.Lease{}, time.Now(), "Holder=", "Age=<unknown>")
}
