// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apis/kind"
)

// Group is the group as the API server installs it.
func Group() kind.Group {
	return kind.Group{
		Name:        "rbac.authorization.k8s.io",
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{rbacv1.AddToScheme},
		Kinds:       []kind.Kind{ClusterRoleBindings, ClusterRoles, RoleBindings, Roles},
	}
}
