// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"slices"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
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
