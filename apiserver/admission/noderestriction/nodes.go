// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apiserver/pkg/admission"
	kubeletapis "k8s.io/kubelet/pkg/apis"
)

// nodes lets a node agent write its own Node and its status, but not what others rely on to keep pods off it, or what
// others hold it by.
func (*Plugin) nodes(_ context.Context, r request) error {
	switch r.GetOperation() {
	case admission.Create:
		made, err := objectOf[*corev1.Node](r.GetObject())
		if err != nil {
			return err
		}
		if err := onlyItself(r, made.Name); err != nil {
			return err
		}
		return checkNewNode(r.node, made)
	case admission.Update:
		if err := onlyItself(r, ""); err != nil {
			return err
		}
		updated, old, err := objectsOf[*corev1.Node](r)
		if err != nil {
			return err
		}
		return checkNodeUpdate(r.node, updated, old)
	case admission.Delete:
		return fmt.Errorf("node %q is not allowed to delete nodes", r.node)
	}
	return unexpectedOperation(r)
}

// onlyItself looks at the name in the path, and at that in the body of a new node.
func onlyItself(r request, body string) error {
	requested := r.GetName()
	if requested == "" || body != "" && body != r.node {
		requested = body
	}
	if requested != r.node {
		return fmt.Errorf("node %q is not allowed to modify node %q", r.node, requested)
	}
	return nil
}

func checkNewNode(name string, made *corev1.Node) error {
	switch {
	case made.Spec.ConfigSource != nil:
		return fmt.Errorf("node %q is not allowed to create nodes with a non-nil configSource", name)
	case len(made.OwnerReferences) > 0:
		return fmt.Errorf("node %q is not allowed to set ownerReferences", name)
	case len(made.Finalizers) > 0:
		return fmt.Errorf("node %q is not allowed to set finalizers", name)
	}
	if forbidden := forbiddenLabels(made.Labels, nil); len(forbidden) > 0 {
		return fmt.Errorf("node %q is not allowed to set the following labels: %s", name, strings.Join(forbidden, ", "))
	}
	return nil
}

func checkNodeUpdate(name string, updated, old *corev1.Node) error {
	switch same := equality.Semantic.DeepEqual; {
	case updated.Spec.ConfigSource != nil && !same(updated.Spec.ConfigSource, old.Spec.ConfigSource): // agents may drop it
		return fmt.Errorf("node %q is not allowed to update configSource to a new non-nil configSource", name)
	case !same(updated.Spec.Taints, old.Spec.Taints):
		return fmt.Errorf("node %q is not allowed to modify taints", name)
	case !same(updated.OwnerReferences, old.OwnerReferences):
		return fmt.Errorf("node %q is not allowed to modify ownerReferences", name)
	case !same(updated.Finalizers, old.Finalizers):
		return fmt.Errorf("node %q is not allowed to modify finalizers", name)
	}
	if forbidden := forbiddenLabels(updated.Labels, old.Labels); len(forbidden) > 0 {
		return fmt.Errorf("node %q is not allowed to modify labels: %s", name, strings.Join(forbidden, ", "))
	}
	return nil
}

// forbiddenLabels lists changed labels that a node may not touch: those of node-restriction.kubernetes.io, which are made
// for keeping workloads apart, and those of kubernetes.io and k8s.io that are not a node agent's own.
func forbiddenLabels(updated, old map[string]string) []string {
	var forbidden []string
	for _, key := range slices.Sorted(maps.Keys(mergeKeys(updated, old))) {
		now, is := updated[key]
		before, was := old[key]
		if is == was && now == before {
			continue
		}
		domain, _, prefixed := strings.Cut(key, "/")
		if !prefixed {
			continue
		}
		switch {
		case within(domain, corev1.LabelNamespaceNodeRestriction):
			forbidden = append(forbidden, key)
		case (within(domain, "kubernetes.io") || within(domain, "k8s.io")) && !kubeletapis.IsKubeletLabel(key):
			forbidden = append(forbidden, key)
		}
	}
	return forbidden
}

func within(domain, parent string) bool {
	return domain == parent || strings.HasSuffix(domain, "."+parent)
}

func mergeKeys(a, b map[string]string) map[string]string {
	all := make(map[string]string, len(a)+len(b))
	maps.Copy(all, a)
	maps.Copy(all, b)
	return all
}
