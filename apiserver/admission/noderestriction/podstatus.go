// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"
)

// podStatus lets a node write what it observes of its pods, and nothing else. Node agents send the status and the UID, so
// whatever else differs was meant to: it is refused, not put back silently. (The API puts spec and ownerReferences back for
// everybody; a node that sends others is told so all the same.)
func podStatus(r request) error {
	if r.GetOperation() != admission.Update {
		return unexpectedOperation(r)
	}
	pod, old, err := objectsOf[*corev1.Pod](r)
	if err != nil {
		return err
	}
	if old.Spec.NodeName != r.node {
		return fmt.Errorf("node %q can only update pod status for pods with spec.nodeName set to itself", r.node)
	}
	if changed := changedMetadata(&pod.ObjectMeta, &old.ObjectMeta); changed != "" {
		return fmt.Errorf("node %q cannot update %s through pod status", r.node, changed)
	}
	now, before := &pod.Status, &old.Status
	switch same := equality.Semantic.DeepEqual; {
	case !same(now.ResourceClaimStatuses, before.ResourceClaimStatuses):
		return fmt.Errorf("node %q cannot update resource claim statuses", r.node)
	case !same(now.ExtendedResourceClaimStatus, before.ExtendedResourceClaimStatus):
		return fmt.Errorf("node %q cannot update extended resource claim status", r.node)
	case !same(now.NodeAllocatableResourceClaimStatuses, before.NodeAllocatableResourceClaimStatuses):
		return fmt.Errorf("node %q cannot update node allocatable resource claim statuses", r.node)
	case now.NominatedNodeName != "" && now.NominatedNodeName != before.NominatedNodeName:
		return fmt.Errorf("node %q cannot update the nominated node name, only clear it", r.node) // which agents do
	}
	return nil
}

// changedMetadata names the first field of metadata that an update changes and that people or controllers own. Fields that
// the API itself keeps (UID, resourceVersion, generation, managedFields) are its own to check, with the answers that agents
// know. Times may be left out, as the API keeps them.
func changedMetadata(updated, old *metav1.ObjectMeta) string {
	switch same := equality.Semantic.DeepEqual; {
	case !same(updated.Labels, old.Labels):
		return "labels"
	case !same(updated.Annotations, old.Annotations):
		return "annotations"
	case !same(updated.Finalizers, old.Finalizers):
		return "finalizers"
	case !same(updated.OwnerReferences, old.OwnerReferences):
		return "ownerReferences"
	case updated.GenerateName != old.GenerateName:
		return "generateName"
	case !updated.CreationTimestamp.IsZero() && !updated.CreationTimestamp.Equal(&old.CreationTimestamp):
		return "creationTimestamp"
	case updated.DeletionTimestamp != nil && !updated.DeletionTimestamp.Equal(old.DeletionTimestamp):
		return "deletionTimestamp"
	case updated.DeletionGracePeriodSeconds != nil && !same(updated.DeletionGracePeriodSeconds, old.DeletionGracePeriodSeconds):
		return "deletionGracePeriodSeconds"
	}
	return ""
}
