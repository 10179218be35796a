// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// ClusterRoleBindings give the rules of a cluster role to subjects, everywhere.
var ClusterRoleBindings = kind.Of[*rbacv1.ClusterRoleBinding, *rbacv1.ClusterRoleBindingList]{
	GroupVersion: rbacv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "clusterrolebindings"},
	Scope:        kind.Cluster,
	Default:      func(b *rbacv1.ClusterRoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) },
	ValidateName: validateName,
	Validate: func(b, old *rbacv1.ClusterRoleBinding) field.ErrorList {
		var was *rbacv1.RoleRef
		if old != nil {
			was = &old.RoleRef
		}
		return validateBinding(&b.RoleRef, was, b.Subjects, false)
	},
	CreateOnUpdate: true,
	Columns: bindingColumns(
		func(b *rbacv1.ClusterRoleBinding) (*rbacv1.RoleRef, []rbacv1.Subject) { return &b.RoleRef, b.Subjects }),
}
