// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiservices

import (
	"testing"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

func TestNewerAndStabilerVersionsComeFirst(t *testing.T) {
	order := []string{"v2", "v1", "v2beta1", "v1beta1", "v1alpha1"}
	for i := 1; i < len(order); i++ {
		before, after := Local(schema.GroupVersion{Group: "autoscaling", Version: order[i-1]}), Local(schema.GroupVersion{Group: "autoscaling", Version: order[i]})
		if before.Spec.VersionPriority <= after.Spec.VersionPriority {
			t.Errorf("%s has priority %d, %s has %d", order[i-1], before.Spec.VersionPriority, order[i], after.Spec.VersionPriority)
		}
	}
}

func TestCoreGroupComesFirstAndUnknownGroupsLast(t *testing.T) {
	core, apps := Local(schema.GroupVersion{Version: "v1"}), Local(schema.GroupVersion{Group: "apps", Version: "v1"})
	other := Local(schema.GroupVersion{Group: "example.com", Version: "v1"})
	if !(core.Spec.GroupPriorityMinimum > apps.Spec.GroupPriorityMinimum && apps.Spec.GroupPriorityMinimum > other.Spec.GroupPriorityMinimum) {
		t.Errorf("priorities: core %d, apps %d, other %d", core.Spec.GroupPriorityMinimum, apps.Spec.GroupPriorityMinimum, other.Spec.GroupPriorityMinimum)
	}
	if core.Name != "v1." || apps.Name != "v1.apps" {
		t.Errorf("names: %q, %q", core.Name, apps.Name)
	}
}
