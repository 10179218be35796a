// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	kubeletapis "k8s.io/kubelet/pkg/apis"
)

// admitNode lets a node agent write its own Node, but not what others rely on to keep pods off it.
func admitNode(name string, a admission.Attributes) error {
	requested := a.GetName()
	switch a.GetOperation() {
	case admission.Create:
		made, ok := a.GetObject().(*corev1.Node)
		if !ok {
			return apierrors.NewBadRequest("expected a Node")
		}
		if requested == "" {
			requested = made.Name
		}
		if forbidden := forbiddenLabels(made.Labels, nil); len(forbidden) > 0 {
			return fmt.Errorf("is not allowed to set the following labels: %s", strings.Join(forbidden, ", "))
		}
	case admission.Update:
		if requested == name {
			updated, ok := a.GetObject().(*corev1.Node)
			old, okOld := a.GetOldObject().(*corev1.Node)
			if !ok || !okOld {
				return apierrors.NewBadRequest("expected a Node")
			}
			if err := checkNodeUpdate(name, updated, old); err != nil {
				return err
			}
		}
	case admission.Delete:
		return fmt.Errorf("node %q is not allowed to delete nodes", name)
	}
	if requested != name {
		return fmt.Errorf("node %q is not allowed to modify node %q", name, requested)
	}
	return nil
}

func checkNodeUpdate(name string, updated, old *corev1.Node) error {
	if !equality.Semantic.DeepEqual(updated.Spec.Taints, old.Spec.Taints) {
		return fmt.Errorf("node %q is not allowed to modify taints", name)
	}
	if !equality.Semantic.DeepEqual(updated.OwnerReferences, old.OwnerReferences) {
		return fmt.Errorf("node %q is not allowed to modify ownerReferences", name)
	}
	if forbidden := forbiddenLabels(updated.Labels, old.Labels); len(forbidden) > 0 {
		return fmt.Errorf("is not allowed to modify labels: %s", strings.Join(forbidden, ", "))
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
	all := maps.Clone(a)
	if all == nil {
		all = map[string]string{}
	}
	for k := range b {
		if _, ok := all[k]; !ok {
			all[k] = ""
		}
	}
	return all
}

// admitSigningRequest lets a node ask for certificates in its own name only.
func admitSigningRequest(name string, a admission.Attributes) error {
	if a.GetOperation() != admission.Create || a.GetSubresource() != "" {
		return nil
	}
	request, ok := a.GetObject().(*certificatesv1.CertificateSigningRequest)
	if !ok {
		return apierrors.NewBadRequest("expected a CertificateSigningRequest")
	}
	switch request.Spec.SignerName {
	case certificatesv1.KubeletServingSignerName, certificatesv1.KubeAPIServerClientKubeletSignerName:
	default:
		return nil
	}
	parsed, err := parseRequest(request.Spec.Request)
	if err != nil {
		return fmt.Errorf("unable to parse csr: %w", err)
	}
	if want := "system:node:" + name; parsed.Subject.CommonName != want {
		return fmt.Errorf("can only create a node CSR with CN=%s", want)
	}
	return nil
}
