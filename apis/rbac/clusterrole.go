// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/kind"
)

// ClusterRoles are sets of rules for the whole cluster, or for whatever namespace a RoleBinding gives them.
var ClusterRoles = kind.Of[*rbacv1.ClusterRole, *rbacv1.ClusterRoleList]{
	GroupVersion:   rbacv1.SchemeGroupVersion,
	Names:          kind.Names{Plural: "clusterroles"},
	Scope:          kind.Cluster,
	ValidateName:   validateName,
	Validate:       validateClusterRole,
	CreateOnUpdate: true,
	Columns:        []kind.Column[*rbacv1.ClusterRole]{createdAt[*rbacv1.ClusterRole]()},
}

func validateClusterRole(role, old *rbacv1.ClusterRole) field.ErrorList {
	errs := validateRules(role.Rules, false)
	if role.AggregationRule == nil {
		return errs
	}
	path := field.NewPath("aggregationRule", "clusterRoleSelectors")
	if len(role.AggregationRule.ClusterRoleSelectors) == 0 {
		errs = append(errs, field.Required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil"))
	}
	was := firstWrong(old)
	for i := range role.AggregationRule.ClusterRoleSelectors {
		errs = append(errs, meta.ValidateSelector(&role.AggregationRule.ClusterRoleSelectors[i], was, path.Index(i))...)
	}
	return errs
}

// firstWrong returns a selector of the stored role with label values that would not be taken today: one such lets all of
// the new role's through.
func firstWrong(old *rbacv1.ClusterRole) *metav1.LabelSelector {
	if old == nil || old.AggregationRule == nil {
		return nil
	}
	for i := range old.AggregationRule.ClusterRoleSelectors {
		if s := &old.AggregationRule.ClusterRoleSelectors[i]; meta.HasInvalidValue(s) {
			return s
		}
	}
	return nil
}
