// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package clusterrole

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestAggregate(t *testing.T) {
	role := func(name, label string, verbs ...string) rbacv1.ClusterRole {
		r := rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"to": label}}}
		for _, verb := range verbs {
			r.Rules = append(r.Rules, rbacv1.PolicyRule{Verbs: []string{verb}})
		}
		return r
	}
	admin := role("admin", "admin", "stale")
	admin.AggregationRule = &rbacv1.AggregationRule{ClusterRoleSelectors: []metav1.LabelSelector{
		{MatchLabels: map[string]string{"to": "admin"}}, {MatchLabels: map[string]string{"to": "edit"}},
	}}
	got, err := aggregate(&admin, []rbacv1.ClusterRole{
		role("c", "edit", "get", "watch"), admin, role("b", "admin", "list"), role("a", "admin", "get"), role("d", "view", "fly"),
	})
	if err != nil {
		t.Fatal(err)
	}
	var verbs []string
	for _, rule := range got {
		verbs = append(verbs, rule.Verbs...)
	}
	if diff := cmp.Diff([]string{"get", "list", "watch"}, verbs); diff != "" {
		t.Error(diff)
	}
}
