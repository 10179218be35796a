// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"
)

// aggregate returns the rules that role should have by its aggregation rule: those of all roles that match, in the order
// of their names, each rule once. It is false for a role that is not aggregated.
func aggregate(role *rbacv1.ClusterRole, all []*rbacv1.ClusterRole) ([]rbacv1.PolicyRule, bool) {
	if role.AggregationRule == nil {
		return nil, false
	}
	var parts []*rbacv1.ClusterRole
	for _, s := range role.AggregationRule.ClusterRoleSelectors {
		selector, err := metav1.LabelSelectorAsSelector(&s)
		if err != nil {
			continue // refused by validation
		}
		for _, candidate := range all {
			if candidate.Name != role.Name && selector.Matches(labels.Set(candidate.Labels)) && !slices.Contains(parts, candidate) {
				parts = append(parts, candidate)
			}
		}
	}
	slices.SortFunc(parts, func(a, b *rbacv1.ClusterRole) int { return strings.Compare(a.Name, b.Name) })
	var rules []rbacv1.PolicyRule
	for _, part := range parts {
		for _, rule := range part.Rules {
			if !slices.ContainsFunc(rules, func(r rbacv1.PolicyRule) bool { return equality.Semantic.DeepEqual(r, rule) }) {
				rules = append(rules, rule)
			}
		}
	}
	return rules, true
}

// aggregateForEver follows cluster roles and rewrites the aggregated ones when their parts change.
func (b *Bootstrap) aggregateForEver(ctx context.Context) {
	logger := klog.FromContext(ctx)
	changed := make(chan struct{}, 1)
	poke := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	informer := b.config.Informers.Rbac().V1().ClusterRoles()
	registration, err := informer.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { poke() },
		UpdateFunc: func(any, any) { poke() },
		DeleteFunc: func(any) { poke() },
	})
	if err != nil {
		logger.Error(err, "Watching cluster roles")
		return
	}
	defer func() { _ = informer.Informer().RemoveEventHandler(registration) }()
	if !cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		return
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
		all, err := informer.Lister().List(labels.Everything())
		if err == nil {
			err = b.writeAggregates(ctx, all)
		}
		if err != nil && ctx.Err() == nil {
			logger.Error(err, "Aggregating cluster roles")
			select {
			case <-ctx.Done():
			case <-b.config.Clock.After(retry):
				poke()
			}
		}
	}
}

func (b *Bootstrap) writeAggregates(ctx context.Context, all []*rbacv1.ClusterRole) error {
	for _, role := range all {
		rules, ok := aggregate(role, all)
		if !ok || equality.Semantic.DeepEqual(rules, role.Rules) {
			continue
		}
		next := role.DeepCopy()
		next.Rules = rules
		// A conflict or a deletion brings an event, and with it another turn.
		if err := b.stores.update(ctx, clusterRoles, next); err != nil && !apierrors.IsConflict(err) && !apierrors.IsNotFound(err) {
			return doing("aggregating cluster role "+role.Name, err)
		}
	}
	return nil
}
