// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apiserver/pkg/admission"
)

// claims lets a node report how large the volume of a claim has grown (KEP-1790), and nothing else.
func (*Plugin) claims(_ context.Context, r request) error {
	if r.GetSubresource() != "status" {
		return fmt.Errorf("may only update PVC status")
	}
	if r.GetOperation() != admission.Update {
		return unexpectedOperation(r)
	}
	updated, old, err := objectsOf[*corev1.PersistentVolumeClaim](r)
	if err != nil {
		return err
	}
	if !equality.Semantic.DeepEqual(withoutReports(updated), withoutReports(old)) {
		return fmt.Errorf("node %q is not allowed to update fields other than status.capacity, status.conditions, "+
			"status.allocatedResources and status.allocatedResourceStatuses", r.node)
	}
	return nil
}

// withoutReports is a claim without what a node may report, and without what the API itself keeps.
func withoutReports(claim *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	c := claim.DeepCopy()
	c.ResourceVersion, c.ManagedFields = "", nil // an unconditional update leaves the version out
	c.Status.Capacity, c.Status.Conditions = nil, nil
	c.Status.AllocatedResources, c.Status.AllocatedResourceStatuses = nil, nil
	return c
}
