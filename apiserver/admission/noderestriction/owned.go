// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
)

func (*Plugin) leases(_ context.Context, r request) error {
	if r.GetNamespace() != corev1.NamespaceNodeLease {
		return fmt.Errorf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
	}
	if !namedAfter(r) {
		return errors.New("can only access node lease with the same name as the requesting node")
	}
	return nil
}

// csiNodes refuses the status as long as its feature (CSIVolumeHealth) is off, which it is in 1.37.
func (*Plugin) csiNodes(_ context.Context, r request) error {
	if !namedAfter(r) {
		return errors.New("can only access CSINode with the same name as the requesting node")
	}
	if r.GetSubresource() == "status" {
		return errors.New("CSIVolumeHealth feature gate is disabled")
	}
	return nil
}

// namedAfter tells whether what is written has the name of the node. The path of a creation has no name, so there the body
// counts.
func namedAfter(r request) bool {
	if r.GetOperation() != admission.Create {
		return r.GetName() == r.node
	}
	made, err := meta.Accessor(r.GetObject())
	return err == nil && made.GetName() == r.node
}

// slices lets a node publish and remove what it has of devices. The authorizer cannot see the body of a new slice, nor
// each one of many that are deleted; of an update it sees the slice that is there, not what becomes of it.
func (*Plugin) slices(_ context.Context, r request) error {
	check := func(obj runtime.Object, what string) error {
		slice, err := objectOf[*resourcev1.ResourceSlice](obj)
		if err != nil {
			return err
		}
		if slice.Spec.NodeName == nil || *slice.Spec.NodeName != r.node {
			return fmt.Errorf("can only %s ResourceSlice with the same NodeName as the requesting node", what)
		}
		return nil
	}
	switch r.GetOperation() {
	case admission.Create:
		return check(r.GetObject(), "create")
	case admission.Update:
		return check(r.GetObject(), "update")
	case admission.Delete:
		return check(r.GetOldObject(), "delete")
	}
	return unexpectedOperation(r)
}
