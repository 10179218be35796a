// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

func TestValidateRules(t *testing.T) {
	for name, c := range map[string]struct {
		rule           rbacv1.PolicyRule
		want           []string
		wantNamespaced []string // when it differs
	}{
		"resources": {rule: rbacv1.PolicyRule{Verbs: []string{"get"}, APIGroups: []string{""}, Resources: []string{"pods"}}},
		"an empty rule": {
			rule: rbacv1.PolicyRule{},
			want: []string{
				`rules[0].verbs: Required value`,
				`rules[0].apiGroups: Required value: resource rules must supply at least one api group`,
				`rules[0].resources: Required value: resource rules must supply at least one resource`,
			},
		},
		"other paths": {
			rule:           rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"/healthz"}},
			wantNamespaced: []string{`rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules cannot apply to non-resource URLs`},
		},
		"both": {
			rule: rbacv1.PolicyRule{Verbs: []string{"get"}, NonResourceURLs: []string{"*"}, APIGroups: []string{""}, Resources: []string{"pods"}},
			want: []string{`rules[0].nonResourceURLs: Invalid value: ["*"]: rules cannot apply to both regular resources and non-resource URLs`},
			wantNamespaced: []string{
				`rules[0].nonResourceURLs: Invalid value: ["*"]: namespaced rules cannot apply to non-resource URLs`,
				`rules[0].nonResourceURLs: Invalid value: ["*"]: rules cannot apply to both regular resources and non-resource URLs`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.wantNamespaced == nil {
				c.wantNamespaced = c.want
			}
			rules := []rbacv1.PolicyRule{c.rule}
			metatest.CheckErrors(t, ClusterRoles.Validate(&rbacv1.ClusterRole{Rules: rules}, nil), c.want...)
			metatest.CheckErrors(t, Roles.Validate(&rbacv1.Role{Rules: rules}, nil), c.wantNamespaced...)
		})
	}
}

func TestValidateAggregation(t *testing.T) {
	with := func(selectors ...metav1.LabelSelector) *rbacv1.ClusterRole {
		return &rbacv1.ClusterRole{AggregationRule: &rbacv1.AggregationRule{ClusterRoleSelectors: selectors}}
	}
	wrong := metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "app", Operator: metav1.LabelSelectorOpIn, Values: []string{"-"}}}}
	metatest.CheckErrors(t, ClusterRoles.Validate(with(), nil),
		`aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil`)
	metatest.CheckErrors(t, ClusterRoles.Validate(with(wrong), nil),
		`aggregationRule.clusterRoleSelectors[0].matchExpressions[0].values[0]: Invalid value: "-": a valid label must be an empty string…`)
	// What was stored before the rule existed must stay updatable.
	metatest.CheckErrors(t, ClusterRoles.Validate(with(wrong), with(wrong)))
}

func TestBindingDefaults(t *testing.T) {
	b := &rbacv1.RoleBinding{Subjects: []rbacv1.Subject{{Kind: "User"}, {Kind: "Group"}, {Kind: "ServiceAccount"}, {Kind: "User", APIGroup: "x"}}}
	RoleBindings.Default(b)
	for i, want := range []string{rbacv1.GroupName, rbacv1.GroupName, "", "x"} {
		if got := b.Subjects[i].APIGroup; got != want {
			t.Errorf("group of subject %d is %q, want %q", i, got, want)
		}
	}
	if b.RoleRef.APIGroup != rbacv1.GroupName {
		t.Errorf("group of the role is %q", b.RoleRef.APIGroup)
	}
}

func TestValidateBindings(t *testing.T) {
	for name, c := range map[string]struct {
		ref         rbacv1.RoleRef
		old         *rbacv1.RoleRef
		subjects    []rbacv1.Subject
		want        []string
		wantCluster []string // when it differs
	}{
		"a cluster role": {
			ref: rbacv1.RoleRef{Kind: "ClusterRole", Name: "system:view"},
			subjects: []rbacv1.Subject{
				{Kind: "User", Name: "ann"}, {Kind: "Group", Name: "system:masters"}, {Kind: "ServiceAccount", Name: "a", Namespace: "b"},
			},
		},
		"a role": {
			ref:         rbacv1.RoleRef{Kind: "Role", Name: "view"},
			wantCluster: []string{`roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"`},
		},
		"something else": {
			ref: rbacv1.RoleRef{Kind: "Pod", Name: "a/b", APIGroup: "v1"},
			want: []string{
				`roleRef.apiGroup: Unsupported value: "v1": supported values: "rbac.authorization.k8s.io"`,
				`roleRef.kind: Unsupported value: "Pod": supported values: "Role", "ClusterRole"`,
				`roleRef.name: Invalid value: "a/b": may not contain '/'`,
			},
			wantCluster: []string{
				`roleRef.apiGroup: Unsupported value: "v1": supported values: "rbac.authorization.k8s.io"`,
				`roleRef.kind: Unsupported value: "Pod": supported values: "ClusterRole"`,
				`roleRef.name: Invalid value: "a/b": may not contain '/'`,
			},
		},
		"no name": {
			ref:  rbacv1.RoleRef{Kind: "ClusterRole"},
			want: []string{`roleRef.name: Required value`},
		},
		"another role than before": {
			ref:  rbacv1.RoleRef{Kind: "ClusterRole", Name: "edit"},
			old:  &rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
			want: []string{`roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"edit"}: cannot change roleRef`},
		},
		"subjects that are none": {
			ref: rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"},
			subjects: []rbacv1.Subject{
				{Kind: "Robot", Name: "r"}, {Kind: "User", APIGroup: "x"}, {Kind: "ServiceAccount", Name: "A", APIGroup: "x", Namespace: "b"},
			},
			want: []string{
				`subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"`,
				`subjects[1].name: Required value`,
				`subjects[1].apiGroup: Unsupported value: "x": supported values: "rbac.authorization.k8s.io"`,
				`subjects[2].name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of…`,
				`subjects[2].apiGroup: Unsupported value: "x": supported values: ""`,
			},
		},
		"a service account of nowhere": {
			ref:         rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"},
			subjects:    []rbacv1.Subject{{Kind: "ServiceAccount", Name: "a"}},
			wantCluster: []string{`subjects[0].namespace: Required value`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if c.wantCluster == nil {
				c.wantCluster = c.want
			}
			b := &rbacv1.RoleBinding{RoleRef: c.ref, Subjects: c.subjects}
			RoleBindings.Default(b)
			var old *rbacv1.RoleBinding
			var oldCluster *rbacv1.ClusterRoleBinding
			if c.old != nil {
				old, oldCluster = &rbacv1.RoleBinding{RoleRef: *c.old}, &rbacv1.ClusterRoleBinding{RoleRef: *c.old}
			}
			metatest.CheckErrors(t, RoleBindings.Validate(b, old), c.want...)
			cluster := &rbacv1.ClusterRoleBinding{RoleRef: b.RoleRef, Subjects: b.Subjects}
			metatest.CheckErrors(t, ClusterRoleBindings.Validate(cluster, oldCluster), c.wantCluster...)
		})
	}
}

func TestNames(t *testing.T) {
	for name, right := range map[string]bool{"system:node": true, "Admin": true, "a/b": false, "..": false, "a%b": false} {
		if got := len(validateName(name, false)) == 0; got != right {
			t.Errorf("%q is right: %v, want %v", name, got, right)
		}
	}
	if len(validateName("system:", true)) > 0 {
		t.Error("a prefix with a colon is refused")
	}
}

func TestRows(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	created := metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(now.Add(-time.Hour))}
	metatest.CheckRow(t, Roles, &rbacv1.Role{ObjectMeta: created}, now, "Created At=2026-11-23T11:00:00Z")
	metatest.CheckRow(t, ClusterRoles, &rbacv1.ClusterRole{ObjectMeta: created}, now, "Created At=2026-11-23T11:00:00Z")

	ref := rbacv1.RoleRef{Kind: "ClusterRole", Name: "view"}
	subjects := []rbacv1.Subject{
		{Kind: "User", Name: "ann"}, {Kind: "User", Name: "bob"}, {Kind: "Group", Name: "ops"},
		{Kind: "ServiceAccount", Namespace: "ns", Name: "sa"},
	}
	want := []string{"Role=ClusterRole/view", "Age=60m", "Users=ann, bob", "Groups=ops", "ServiceAccounts=ns/sa"}
	metatest.CheckRow(t, RoleBindings, &rbacv1.RoleBinding{ObjectMeta: created, RoleRef: ref, Subjects: subjects}, now, want...)
	metatest.CheckRow(t, ClusterRoleBindings, &rbacv1.ClusterRoleBinding{ObjectMeta: created, RoleRef: ref, Subjects: subjects}, now, want...)
}
