// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/admission"

	"coxswain.dev/coxswain/apiserver/auth/node"
)

func (p *Plugin) pods(ctx context.Context, r request) error {
	switch r.GetSubresource() {
	case "":
		switch r.GetOperation() {
		case admission.Create:
			return p.createPod(ctx, r)
		case admission.Delete:
			return p.deletePod(ctx, r)
		}
		return fmt.Errorf("unexpected operation %q, node %q can only create and delete mirror pods", r.GetOperation(), r.node)
	case "status":
		return podStatus(r)
	case "eviction":
		return p.eviction(ctx, r)
	}
	return fmt.Errorf("unexpected pod subresource %q, only 'status' and 'eviction' are allowed", r.GetSubresource())
}

// createPod allows a node to make the mirror of one of its static pods, and nothing that could open objects to it.
func (p *Plugin) createPod(ctx context.Context, r request) error {
	pod, err := objectOf[*corev1.Pod](r.GetObject())
	if err != nil {
		return err
	}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; !mirror {
		return fmt.Errorf("pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, r.node)
	}
	if pod.Spec.NodeName != r.node {
		return fmt.Errorf("node %q can only create pods with spec.nodeName set to itself", r.node)
	}
	if err := p.ownedByNode(ctx, r.node, pod.OwnerReferences); err != nil {
		return err
	}
	if refs := node.References(pod); len(refs) > 0 {
		return fmt.Errorf("node %q can not create pods that reference %s (%s)", r.node, refs[0].Resource.Resource, refs[0].Field)
	}
	for _, v := range pod.Spec.Volumes {
		if err := knownSources(v); err != nil {
			return err
		}
	}
	return nil
}

// ownedByNode checks that the node, and nobody else, is the owner: mirror pods go with their node.
func (p *Plugin) ownedByNode(ctx context.Context, name string, owners []metav1.OwnerReference) error {
	switch {
	case len(owners) == 0:
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", name)
	case len(owners) > 1:
		return fmt.Errorf("node %q can only create pods with a single owner reference set to itself", name)
	}
	owner := owners[0]
	switch {
	case owner.APIVersion != "v1" || owner.Kind != "Node" || owner.Name != name:
		return fmt.Errorf("node %q can only create pods with an owner reference set to itself", name)
	case owner.Controller == nil || !*owner.Controller:
		return fmt.Errorf("node %q can only create pods with a controller owner reference set to itself", name)
	case owner.BlockOwnerDeletion != nil && *owner.BlockOwnerDeletion:
		return fmt.Errorf("node %q must not set blockOwnerDeletion on an owner reference", name)
	}
	found, err := p.objects.Node(ctx, name, string(owner.UID))
	if err != nil {
		return err
	}
	if found.UID != owner.UID {
		return fmt.Errorf("node %s UID mismatch: expected %s got %s", name, owner.UID, found.UID)
	}
	return nil
}

// knownSources refuses a projected source without a known kind: one that came after us could refer to anything.
func knownSources(v corev1.Volume) error {
	if v.Projected == nil {
		return nil
	}
	for _, source := range v.Projected.Sources {
		if source == (corev1.VolumeProjection{}) {
			return fmt.Errorf("unknown source for projected volume %q", v.Name)
		}
	}
	return nil
}

// deletePod looks at the pod that is about to be deleted, if admission already knows it: the pod of that name that was read
// before may have been another's.
func (p *Plugin) deletePod(ctx context.Context, r request) error {
	pod, known := r.GetOldObject().(*corev1.Pod)
	if !known {
		return p.ownPod(ctx, r, r.GetName(), "delete")
	}
	return bound(pod, r, "delete")
}

// ownPod checks that the pod of a name is bound to the node.
func (p *Plugin) ownPod(ctx context.Context, r request, name, what string) error {
	pod, err := p.objects.Pod(ctx, r.GetNamespace(), name, "")
	if err != nil {
		return err
	}
	return bound(pod, r, what)
}

func bound(pod *corev1.Pod, r request, what string) error {
	if pod.Spec.NodeName != r.node {
		return fmt.Errorf("node %q can only %s pods with spec.nodeName set to itself", r.node, what)
	}
	return nil
}

func (p *Plugin) eviction(ctx context.Context, r request) error {
	if r.GetOperation() != admission.Create {
		return unexpectedOperation(r)
	}
	eviction, err := objectOf[*policyv1.Eviction](r.GetObject())
	if err != nil {
		return err
	}
	name := r.GetName()
	if name == "" {
		name = eviction.Name
	}
	if name == "" {
		return fmt.Errorf("could not determine pod from request data")
	}
	return p.ownPod(ctx, r, name, "evict")
}
