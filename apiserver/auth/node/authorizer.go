// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"errors"
	"fmt"

	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"coxswain.dev/coxswain/apiserver/auth/rbac"
)

// Authorizer decides requests of node agents; it has no opinion on others.
type Authorizer struct {
	graph *Graph
	rules []rbacv1.PolicyRule
}

var (
	_ authorizer.Authorizer   = (*Authorizer)(nil)
	_ authorizer.RuleResolver = (*Authorizer)(nil)
)

// New makes an authorizer. Rules are those that hold for every node, whatever runs on it; what the graph decides is
// taken out of them by resource.
func New(graph *Graph, rules []rbacv1.PolicyRule) *Authorizer {
	return &Authorizer{graph: graph, rules: rules}
}

// decision about a resource that the graph, and not a general rule, decides. An empty reason means: allowed.
type decision func(ctx context.Context, g *Graph, node string, r authorizer.Attributes) (refusal string)

var (
	pods    = corev1.Resource("pods")
	volumes = corev1.Resource("persistentvolumes")
)

// decisions are the resources of which a node may touch only some objects. docs/security.md has the rules.
var decisions = map[schema.GroupResource]decision{
	secrets:                           readSecret,
	configMaps:                        readConfigMap,
	claims:                            claimAccess,
	volumes:                           getVolume,
	resourceClaims:                    getResourceClaim,
	serviceAccounts:                   accountAccess,
	pods:                              ownPods,
	corev1.Resource("nodes"):          ownNode,
	coordinationv1.Resource("leases"): ownLease,
	storagev1.Resource("csinodes"):    ownCSINode,
	attachments:                       getAttachment,
	resourceSlices:                    ownSlices,
	certificateRequests:               ownCertificateRequests,
}

// The resources whose objects say themselves which node they belong to.
var (
	attachments         = storagev1.Resource("volumeattachments")
	resourceSlices      = resourcev1.Resource("resourceslices")
	certificateRequests = certificatesv1.Resource("podcertificaterequests")
)

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
			if refusal := decide(ctx, a.graph, node, r); refusal != "" {
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

// RulesFor implements authorizer.RuleResolver. What a node may do depends on its pods, so the list is never whole.
func (a *Authorizer) RulesFor(_ context.Context, u user.Info, _ string) ([]authorizer.ResourceRuleInfo, []authorizer.NonResourceRuleInfo, bool, error) {
	if _, isNode := Identify(u); isNode {
		return nil, nil, true, errors.New("node authorizer does not support user rule resolution")
	}
	return nil, nil, false, nil
}
