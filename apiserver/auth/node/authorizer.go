// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"coxswain.dev/coxswain/apiserver/auth/rbac"
)

// Authorizer decides requests of node agents; it has no opinion on others.
type Authorizer struct {
	graph *Graph
	rules []rbacv1.PolicyRule
}

var _ authorizer.Authorizer = (*Authorizer)(nil)

// New makes an authorizer. Rules are those that hold for every node, whatever runs on it; what the graph decides is
// taken out of them by resource.
func New(graph *Graph, rules []rbacv1.PolicyRule) *Authorizer {
	return &Authorizer{graph: graph, rules: rules}
}

// decision about a resource that the graph, and not a general rule, decides. An empty reason means: allowed.
type decision func(ctx context.Context, a *Authorizer, node string, r authorizer.Attributes) (refusal string)

var decisions = map[schema.GroupResource]decision{
	{Resource: "secrets"}:                                  readReferred(secret),
	{Resource: "configmaps"}:                               readReferred(configMap),
	{Resource: "persistentvolumeclaims"}:                   claimAccess,
	{Group: "resource.k8s.io", Resource: "resourceclaims"}: getReferred(resource),
	{Resource: "serviceaccounts"}:                          createToken,
	{Resource: "nodes"}:                                    ownNode,
	{Resource: "pods"}:                                     ownPods,
	{Group: "coordination.k8s.io", Resource: "leases"}:     ownLease,
	{Group: "storage.k8s.io", Resource: "csinodes"}:        ownCSINode,
}

// Authorize implements authorizer.Authorizer.
func (a *Authorizer) Authorize(ctx context.Context, r authorizer.Attributes) (authorizer.Decision, string, error) {
	node, isNode := Identify(r.GetUser())
	if !isNode {
		return authorizer.DecisionNoOpinion, "", nil
	}
	if node == "" {
		return authorizer.DecisionNoOpinion, fmt.Sprintf("unknown node for user %q", r.GetUser().GetName()), nil
	}
	if r.IsResourceRequest() {
		if decide, ok := decisions[schema.GroupResource{Group: r.GetAPIGroup(), Resource: r.GetResource()}]; ok {
			if refusal := decide(ctx, a, node, r); refusal != "" {
				return authorizer.DecisionNoOpinion, refusal, nil
			}
			return authorizer.DecisionAllow, "", nil
		}
	}
	if rbac.AnyAllows(r, a.rules) {
		return authorizer.DecisionAllow, "", nil
	}
	return authorizer.DecisionNoOpinion, "", nil
}

// ConditionsAwareAuthorize implements authorizer.Authorizer; there are no conditions.
func (a *Authorizer) ConditionsAwareAuthorize(ctx context.Context, r authorizer.Attributes) authorizer.ConditionsAwareDecision {
	return authorizer.ConditionsAwareDecisionFromParts(a.Authorize(ctx, r))
}

// EvaluateConditions implements authorizer.Authorizer; it is never asked to, and says no.
func (a *Authorizer) EvaluateConditions(context.Context, authorizer.ConditionsAwareDecision, authorizer.ConditionsData) (authorizer.Decision, string, error) {
	return authorizer.DecisionDeny, "", authorizer.ErrorConditionEvaluationNotSupported
}

// readReferred allows reading one object by name (list and watch too, when a field selector narrows them to that name).
func readReferred(kind string) decision {
	return func(ctx context.Context, a *Authorizer, node string, r authorizer.Attributes) string {
		switch r.GetVerb() {
		case "get", "list", "watch":
		default:
			return "can only read resources of this type"
		}
		return referred(ctx, a, kind, node, r)
	}
}

func getReferred(kind string) decision {
	return func(ctx context.Context, a *Authorizer, node string, r authorizer.Attributes) string {
		if r.GetVerb() != "get" {
			return "can only get individual resources of this type"
		}
		return referred(ctx, a, kind, node, r)
	}
}

func referred(ctx context.Context, a *Authorizer, kind, node string, r authorizer.Attributes) string {
	if r.GetSubresource() != "" {
		return "cannot read subresource"
	}
	return reaches(ctx, a, kind, node, r)
}

func reaches(ctx context.Context, a *Authorizer, kind, node string, r authorizer.Attributes) string {
	if r.GetNamespace() == "" || r.GetName() == "" {
		return "can only access individual resources of this type"
	}
	if !a.graph.Reaches(ctx, node, kind, r.GetNamespace(), r.GetName()) {
		return fmt.Sprintf("no relationship found between node '%s' and this object", node)
	}
	return ""
}

func claimAccess(ctx context.Context, a *Authorizer, node string, r authorizer.Attributes) string {
	if r.GetSubresource() == "status" {
		if v := r.GetVerb(); v != "update" && v != "patch" {
			return "can only get/update/patch this type"
		}
		return reaches(ctx, a, claim, node, r)
	}
	return getReferred(claim)(ctx, a, node, r)
}

func createToken(ctx context.Context, a *Authorizer, node string, r authorizer.Attributes) string {
	if r.GetSubresource() != "token" {
		return "can only access token subresource of this type"
	}
	if r.GetVerb() != "create" {
		return "can only create tokens for individual service accounts"
	}
	return reaches(ctx, a, account, node, r)
}

func ownNode(_ context.Context, _ *Authorizer, node string, r authorizer.Attributes) string {
	switch r.GetSubresource() {
	case "", "status":
	case "configz", "healthz", "log", "metrics", "proxy", "stats", "pods", "checkpoint":
		return "cannot reach nodes through the API"
	default:
		return "cannot access this subresource of nodes"
	}
	switch r.GetVerb() {
	case "create":
		if r.GetSubresource() != "" {
			return "cannot create a subresource of nodes"
		}
		return "" // the name is in the body: NodeRestriction looks at it
	case "get", "list", "watch", "update", "patch":
		if r.GetName() != node {
			return "node '" + node + "' cannot read or change other nodes, only itself"
		}
		return ""
	}
	return "cannot " + r.GetVerb() + " nodes"
}

func ownPods(ctx context.Context, a *Authorizer, node string, r authorizer.Attributes) string {
	switch r.GetSubresource() {
	case "":
	case "status":
		if v := r.GetVerb(); v != "update" && v != "patch" {
			return "can only change the status of pods"
		}
		return "" // NodeRestriction looks at the pod's node
	case "eviction":
		if r.GetVerb() != "create" {
			return "can only create evictions"
		}
		return ""
	default:
		return "cannot access this subresource of pods"
	}
	switch r.GetVerb() {
	case "get":
		return reaches(ctx, a, self, node, r)
	case "list", "watch":
		if r.GetName() != "" {
			return reaches(ctx, a, self, node, r)
		}
		if selectors, err := r.GetFieldSelector(); err == nil && selectsNode(selectors, node) {
			return ""
		}
		return fmt.Sprintf("can only list/watch pods with spec.nodeName field selector of '%s'", node)
	case "create", "delete":
		return "" // mirror pods, and pods that have ended: NodeRestriction looks at them
	}
	return "cannot " + r.GetVerb() + " pods"
}

func selectsNode(selectors fields.Requirements, node string) bool {
	for _, s := range selectors {
		if s.Field == "spec.nodeName" && s.Value == node && (s.Operator == selection.Equals || s.Operator == selection.DoubleEquals) {
			return true
		}
	}
	return false
}

func ownLease(_ context.Context, _ *Authorizer, node string, r authorizer.Attributes) string {
	if r.GetSubresource() != "" {
		return "cannot access subresources of leases"
	}
	if r.GetNamespace() != corev1.NamespaceNodeLease {
		return "can only access leases in the \"" + corev1.NamespaceNodeLease + "\" system namespace"
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

func ownCSINode(_ context.Context, _ *Authorizer, node string, r authorizer.Attributes) string {
	if r.GetSubresource() != "" {
		return "cannot access subresources of CSINodes"
	}
	switch r.GetVerb() {
	case "create":
		return ""
	case "get", "update", "patch", "delete":
		if r.GetName() != node {
			return "can only access CSINode with the same name as the requesting node"
		}
		return ""
	}
	return "can only get, create, update, patch, or delete a CSINode"
}
