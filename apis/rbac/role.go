// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// Roles are sets of rules for one namespace.
var Roles = kind.Of[*rbacv1.Role, *rbacv1.RoleList]{
	GroupVersion:   rbacv1.SchemeGroupVersion,
	Names:          kind.Names{Plural: "roles"},
	ValidateName:   validateName,
	Validate:       func(role, _ *rbacv1.Role) field.ErrorList { return validateRules(role.Rules, true) },
	CreateOnUpdate: true,
	Columns:        []kind.Column[*rbacv1.Role]{createdAt[*rbacv1.Role]()},
}

// createdAt is the only column of roles: a point in time, where other kinds show an age.
func createdAt[T metav1.Object]() kind.Column[T] {
	return kind.Column[T]{
		Name:        "Created At",
		Type:        "date",
		Description: metav1.ObjectMeta{}.SwaggerDoc()["creationTimestamp"],
		Value: func(obj T, _ time.Time) any {
			created := obj.GetCreationTimestamp()
			return created.UTC().Format(time.RFC3339)
		},
	}
}
