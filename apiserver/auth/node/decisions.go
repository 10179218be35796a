// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

func readSecret(ctx context.Context, g *Graph, node string, r authorizer.Attributes) string {
	if refusal := onlyRead(r); refusal != "" {
		return refusal
	}
	return related(node, g.ReachesSecret(ctx, node, r.GetNamespace(), r.GetName()))
}

func readConfigMap(ctx context.Context, g *Graph, node string, r authorizer.Attributes) string {
	if refusal := onlyRead(r); refusal != "" {
		return refusal
	}
	return reaches(ctx, g, configMaps, node, r)
}

func getResourceClaim(ctx context.Context, g *Graph, node string, r authorizer.Attributes) string {
	if refusal := onlyGet(r); refusal != "" {
		return refusal
	}
	return reaches(ctx, g, resourceClaims, node, r)
}

// onlyRead refuses all but reading one object by name. A list or watch whose field selector narrows it to one name bears
// that name.
func onlyRead(r authorizer.Attributes) string {
	switch {
	case !slices.Contains([]string{"get", "list", "watch"}, r.GetVerb()):
		return "can only read resources of this type"
	case r.GetSubresource() != "":
		return "cannot read subresource"
	case r.GetNamespace() == "":
		return "can only read namespaced object of this type"
	case r.GetName() == "":
		return noName
	}
	return ""
}

func onlyGet(r authorizer.Attributes) string {
	switch {
	case r.GetVerb() != "get":
		return "can only get individual resources of this type"
	case r.GetSubresource() != "":
		return "cannot get subresource"
	case r.GetName() == "":
		return noName
	}
	return ""
}

const noName = "No Object name found"

func reaches(ctx context.Context, g *Graph, resource schema.GroupResource, node string, r authorizer.Attributes) string {
	if r.GetName() == "" {
		return noName
	}
	return related(node, r.GetNamespace() != "" && g.Reaches(ctx, node, resource, r.GetNamespace(), r.GetName()))
}

func related(node string, is bool) string {
	if is {
		return ""
	}
	return fmt.Sprintf("no relationship found between node '%s' and this object", node)
}

func claimAccess(ctx context.Context, g *Graph, node string, r authorizer.Attributes) string {
	if r.GetSubresource() == "status" {
		if v := r.GetVerb(); v != "update" && v != "patch" {
			return "can only update or patch the status of this type"
		}
		return reaches(ctx, g, claims, node, r)
	}
	if refusal := onlyGet(r); refusal != "" {
		return refusal
	}
	return reaches(ctx, g, claims, node, r)
}

func getVolume(ctx context.Context, g *Graph, node string, r authorizer.Attributes) string {
	if refusal := onlyGet(r); refusal != "" {
		return refusal
	}
	return related(node, g.ReachesVolume(ctx, node, r.GetName()))
}

func getAttachment(ctx context.Context, g *Graph, node string, r authorizer.Attributes) string {
	if refusal := onlyGet(r); refusal != "" {
		return refusal
	}
	attachment, ok := read[*storagev1.VolumeAttachment](ctx, g, attachments, "", r.GetName())
	return related(node, ok && attachment.Spec.NodeName == node)
}

// accountAccess lets a node read the accounts of its pods, which credential providers for images need (KEP-4412), and
// create tokens for them.
func accountAccess(ctx context.Context, g *Graph, node string, r authorizer.Attributes) string {
	switch {
	case r.GetVerb() == "get" && r.GetSubresource() == "":
	case r.GetSubresource() != "token":
		return "can only create token subresource of serviceaccount"
	case r.GetVerb() != "create":
		return "can only create tokens for individual service accounts"
	}
	return reaches(ctx, g, serviceAccounts, node, r)
}

func ownNode(_ context.Context, _ *Graph, node string, r authorizer.Attributes) string {
	switch r.GetSubresource() + ":" + r.GetVerb() {
	case ":create":
		return "" // the name is in the body: NodeRestriction looks at it
	case ":get", ":list", ":watch", ":update", ":patch", "status:update", "status:patch":
		switch r.GetName() {
		case node:
			return ""
		case "":
			return fmt.Sprintf("node '%s' cannot read all nodes, only its own Node object", node)
		}
		return fmt.Sprintf("node '%s' cannot read or change '%s', only its own Node object", node, r.GetName())
	}
	return "cannot " + r.GetVerb() + " this part of nodes"
}

func ownPods(ctx context.Context, g *Graph, node string, r authorizer.Attributes) string {
	switch r.GetSubresource() + ":" + r.GetVerb() {
	case ":get":
		return reaches(ctx, g, pods, node, r)
	case ":list", ":watch":
		if selectsNode(r, node) {
			return ""
		}
		if r.GetName() != "" {
			return reaches(ctx, g, pods, node, r)
		}
		return "can only list/watch pods with spec.nodeName field selector"
	case ":create", ":delete": // mirror pods, and pods that have ended: NodeRestriction looks at them
		return ""
	case "status:update", "status:patch", "eviction:create": // NodeRestriction looks at the pod's node
		return ""
	}
	return "cannot " + r.GetVerb() + " this part of pods"
}

// selectsNode tells whether a list, watch or deletion is narrowed to objects whose spec.nodeName is the node. A selector
// that could not be parsed whole selects nothing.
func selectsNode(r authorizer.Attributes, node string) bool {
	selectors, err := r.GetFieldSelector()
	if err != nil {
		return false
	}
	for _, s := range selectors {
		if s.Field == "spec.nodeName" && s.Value == node && (s.Operator == selection.Equals || s.Operator == selection.DoubleEquals) {
			return true
		}
	}
	return false
}

func ownLease(_ context.Context, _ *Graph, node string, r authorizer.Attributes) string {
	if r.GetSubresource() != "" {
		return "cannot access subresources of leases"
	}
	if r.GetNamespace() != corev1.NamespaceNodeLease {
		return fmt.Sprintf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
	}
	switch r.GetVerb() {
	case "create":
		return "" // the name is in the body: NodeRestriction looks at it
	case "get", "update", "patch", "delete":
		if r.GetName() != node {
			return "can only access node lease with the same name as the requesting node"
		}
		return ""
	}
	return "can only get, create, update, patch, or delete a node lease"
}

// ownCSINode refuses csinodes/status with all other subresources: its feature (CSIVolumeHealth) is off in 1.37.
func ownCSINode(_ context.Context, _ *Graph, node string, r authorizer.Attributes) string {
	if r.GetSubresource() != "" {
		return "cannot authorize CSINode subresources"
	}
	switch r.GetVerb() {
	case "create":
		return "" // the name is in the body: NodeRestriction looks at it
	case "get", "update", "patch", "delete":
		if r.GetName() != node {
			return "can only access CSINode with the same name as the requesting node"
		}
		return ""
	}
	return "can only get, create, update, patch, or delete a CSINode"
}

func ownSlices(ctx context.Context, g *Graph, node string, r authorizer.Attributes) string {
	if r.GetSubresource() != "" {
		return "cannot authorize ResourceSlice subresources"
	}
	switch r.GetVerb() {
	case "create":
		return "" // the node is in the body: NodeRestriction looks at it
	case "get", "update", "patch", "delete":
		if r.GetName() == "" {
			return noName
		}
		slice, ok := read[*resourcev1.ResourceSlice](ctx, g, resourceSlices, "", r.GetName())
		return related(node, ok && slice.Spec.NodeName != nil && *slice.Spec.NodeName == node)
	case "list", "watch", "deletecollection":
		if !selectsNode(r, node) {
			return "can only list/watch/deletecollection resourceslices with nodeName field selector"
		}
		return ""
	}
	return "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection"
}

func ownCertificateRequests(ctx context.Context, g *Graph, node string, r authorizer.Attributes) string {
	if r.GetSubresource() != "" {
		return "nodes may not access the status subresource of PodCertificateRequests"
	}
	switch r.GetVerb() {
	case "create":
		return "" // NodeRestriction looks at the body
	case "get":
		if r.GetName() == "" {
			return noName
		}
		request, ok := read[*certificatesv1.PodCertificateRequest](ctx, g, certificateRequests, r.GetNamespace(), r.GetName())
		return related(node, ok && string(request.Spec.NodeName) == node)
	case "list", "watch":
		if !selectsNode(r, node) {
			return "can only list/watch podcertificaterequests with nodeName field selector"
		}
		return ""
	}
	return fmt.Sprintf("nodes may not %s podcertificaterequests", r.GetVerb())
}
