// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"fmt"
	"io"

	authenticationv1 "k8s.io/api/authentication/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"

	"coxswain.dev/coxswain/apiserver/auth/node"
	"coxswain.dev/coxswain/apiserver/tokens"
)

// nodeRestriction narrows what a node agent may write to itself, its lease and its pods. The Node authorization mode
// decides by what stands in the path of a request; this plugin by what stands in its body.
type nodeRestriction struct {
	objects tokens.Getter
}

func newNodeRestriction(c *Config, _ io.Reader) (admission.Interface, error) {
	n := &nodeRestriction{objects: c.Objects}
	return &mutator{ // among the mutating plugins, as in Kubernetes, so that it refuses before anybody else is asked
		Handler: admission.NewHandler(admission.Create, admission.Update, admission.Delete),
		admit:   n.admit,
	}, nil
}

func (n *nodeRestriction) admit(ctx context.Context, a admission.Attributes) error {
	name, isNode := node.Identify(a.GetUserInfo())
	if !isNode {
		return nil
	}
	if name == "" {
		return admission.NewForbidden(a, fmt.Errorf("could not determine node from user %q", a.GetUserInfo().GetName()))
	}
	var err error
	switch r := a.GetResource().GroupResource(); {
	case r == resource("", "pods"):
		err = n.admitPod(ctx, name, a)
	case r == resource("", "nodes"):
		err = admitNode(name, a)
	case r == resource("", "serviceaccounts"):
		err = n.admitToken(ctx, name, a)
	case r == resource("coordination.k8s.io", "leases"):
		err = admitLease(name, a)
	case r == resource("storage.k8s.io", "csinodes"):
		err = admitCSINode(name, a)
	case r == signingRequests:
		err = admitSigningRequest(name, a)
	}
	if err == nil || apierrors.IsNotFound(err) || apierrors.IsBadRequest(err) {
		return err
	}
	return admission.NewForbidden(a, err)
}

func (n *nodeRestriction) admitPod(ctx context.Context, name string, a admission.Attributes) error {
	switch a.GetSubresource() {
	case "":
		switch a.GetOperation() {
		case admission.Create:
			pod, ok := a.GetObject().(*corev1.Pod)
			if !ok {
				return apierrors.NewBadRequest("expected a Pod")
			}
			return checkNodesPod(ctx, name, pod, n.objects)
		case admission.Delete:
			return n.ownPod(ctx, name, a.GetNamespace(), a.GetName(), "delete pods")
		}
		return fmt.Errorf("unexpected operation %q, node %q can only create and delete mirror pods", a.GetOperation(), name)
	case "status":
		pod, ok := a.GetObject().(*corev1.Pod)
		old, okOld := a.GetOldObject().(*corev1.Pod)
		if a.GetOperation() != admission.Update || !ok || !okOld {
			return fmt.Errorf("unexpected operation %q", a.GetOperation())
		}
		if old.Spec.NodeName != name {
			return fmt.Errorf("node %q can only update pod status for pods with spec.nodeName set to itself", name)
		}
		if !equality.Semantic.DeepEqual(pod.Labels, old.Labels) {
			return fmt.Errorf("node %q cannot update labels through pod status", name)
		}
		return nil
	case "eviction":
		eviction, ok := a.GetObject().(*policyv1.Eviction)
		if a.GetOperation() != admission.Create || !ok {
			return fmt.Errorf("unexpected operation %s", a.GetOperation())
		}
		podName := a.GetName()
		if podName == "" {
			podName = eviction.Name
		}
		if podName == "" {
			return fmt.Errorf("could not determine pod from request data")
		}
		return n.ownPod(ctx, name, a.GetNamespace(), podName, "evict pods")
	}
	return fmt.Errorf("unexpected pod subresource %q, only 'status' and 'eviction' are allowed", a.GetSubresource())
}

func (n *nodeRestriction) ownPod(ctx context.Context, name, namespace, pod, what string) error {
	found, err := n.objects.Pod(ctx, namespace, pod, "")
	if err != nil {
		return err
	}
	if found.Spec.NodeName != name {
		return fmt.Errorf("node %q can only %s with spec.nodeName set to itself", name, what)
	}
	return nil
}

// checkNodesPod allows a node to make the mirror of one of its static pods, and nothing that opens objects to it.
func checkNodesPod(ctx context.Context, name string, pod *corev1.Pod, objects tokens.Getter) error {
	if !isMirror(pod) {
		return fmt.Errorf("pod does not have %q annotation, node %q can only create mirror pods", corev1.MirrorPodAnnotationKey, name)
	}
	if pod.Spec.NodeName != name {
		return fmt.Errorf("node %q can only create pods with spec.nodeName set to itself", name)
	}
	if len(pod.OwnerReferences) > 1 {
		return fmt.Errorf("node %q can only create pods with a single owner reference set to itself", name)
	}
	for _, o := range pod.OwnerReferences {
		if o.APIVersion != "v1" || o.Kind != "Node" || o.Name != name || o.Controller == nil || !*o.Controller {
			return fmt.Errorf("node %q can only create pods with an owner reference set to itself", name)
		}
		owner, err := objects.Node(ctx, name, string(o.UID))
		if err != nil {
			return err
		}
		if owner.UID != o.UID {
			return fmt.Errorf("node %s UID mismatch: expected %s got %s", name, o.UID, owner.UID)
		}
	}
	if pod.Spec.ServiceAccountName != "" {
		return fmt.Errorf("node %q can not create pods that reference a service account", name)
	}
	if len(pod.Spec.ResourceClaims) > 0 {
		return fmt.Errorf("node %q can not create pods that reference resourceclaims", name)
	}
	for _, v := range pod.Spec.Volumes {
		if kind := referenceOf(v); kind != "" {
			return fmt.Errorf("node %q can not create pods that reference %s", name, kind)
		}
	}
	return nil
}

func referenceOf(v corev1.Volume) string {
	switch {
	case v.Secret != nil:
		return "secrets"
	case v.ConfigMap != nil:
		return "configmaps"
	case v.PersistentVolumeClaim != nil, v.Ephemeral != nil:
		return "persistentvolumeclaims"
	case v.Projected != nil:
		for _, s := range v.Projected.Sources {
			switch {
			case s.Secret != nil:
				return "secrets"
			case s.ConfigMap != nil:
				return "configmaps"
			case s.ServiceAccountToken != nil:
				return "service account tokens"
			}
		}
	}
	return ""
}

// admitToken lets a node have only tokens that are bound to one of its pods, for that pod's account and audiences.
func (n *nodeRestriction) admitToken(ctx context.Context, name string, a admission.Attributes) error {
	if a.GetSubresource() != "token" || a.GetOperation() != admission.Create {
		return nil
	}
	request, ok := a.GetObject().(*authenticationv1.TokenRequest)
	if !ok {
		return apierrors.NewBadRequest("expected a TokenRequest")
	}
	ref := request.Spec.BoundObjectRef
	if ref == nil || ref.APIVersion != "v1" || ref.Kind != "Pod" || ref.Name == "" {
		return fmt.Errorf("node requested token not bound to a pod")
	}
	if ref.UID == "" {
		return fmt.Errorf("node requested token with a pod binding without a uid")
	}
	pod, err := n.objects.Pod(ctx, a.GetNamespace(), ref.Name, string(ref.UID))
	if err != nil {
		return err
	}
	if ref.UID != pod.UID {
		return fmt.Errorf("the UID in the bound object reference (%s) does not match the UID in record. "+
			"The object might have been deleted and then recreated", ref.UID)
	}
	if pod.Spec.NodeName != name {
		return fmt.Errorf("node requested token bound to a pod scheduled on a different node")
	}
	for _, audience := range request.Spec.Audiences {
		if audience != "" && !mentionsAudience(pod, audience) {
			return fmt.Errorf("audience %q not found in pod spec volume", audience)
		}
	}
	return nil
}

func mentionsAudience(pod *corev1.Pod, audience string) bool {
	for _, v := range pod.Spec.Volumes {
		if v.Projected == nil {
			continue
		}
		for _, s := range v.Projected.Sources {
			if s.ServiceAccountToken != nil && s.ServiceAccountToken.Audience == audience {
				return true
			}
		}
	}
	return false
}

func admitLease(name string, a admission.Attributes) error {
	if a.GetNamespace() != corev1.NamespaceNodeLease {
		return fmt.Errorf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
	}
	lease := a.GetName()
	if a.GetOperation() == admission.Create {
		if l, ok := a.GetObject().(*coordinationv1.Lease); ok {
			lease = l.Name
		}
	}
	if lease != name {
		return fmt.Errorf("can only access node lease with the same name as the requesting node")
	}
	return nil
}

func admitCSINode(name string, a admission.Attributes) error {
	object := a.GetName()
	if a.GetOperation() == admission.Create {
		if o, ok := a.GetObject().(*storagev1.CSINode); ok {
			object = o.Name
		}
	}
	if object != name {
		return fmt.Errorf("can only access CSINode with the same name as the requesting node")
	}
	return nil
}
