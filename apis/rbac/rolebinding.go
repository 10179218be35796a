// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package rbac

import (
	"fmt"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/kind"
)

// RoleBindings give the rules of a role to subjects, in one namespace.
var RoleBindings = kind.Of[*rbacv1.RoleBinding, *rbacv1.RoleBindingList]{
	GroupVersion: rbacv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "rolebindings"},
	Default:      func(b *rbacv1.RoleBinding) { defaultBinding(&b.RoleRef, b.Subjects) },
	ValidateName: validateName,
	Validate: func(b, old *rbacv1.RoleBinding) field.ErrorList {
		var was *rbacv1.RoleRef
		if old != nil {
			was = &old.RoleRef
		}
		return validateBinding(&b.RoleRef, was, b.Subjects, true)
	},
	CreateOnUpdate: true,
	Columns: bindingColumns(
		func(b *rbacv1.RoleBinding) (*rbacv1.RoleRef, []rbacv1.Subject) { return &b.RoleRef, b.Subjects }),
}

func bindingColumns[T kind.Object](parts func(T) (*rbacv1.RoleRef, []rbacv1.Subject)) []kind.Column[T] {
	subjects := func(name, kindOfSubject string) kind.Column[T] {
		return kind.Column[T]{
			Name: name, Priority: 1, Description: fmt.Sprintf("%s in the binding.", name),
			Value: func(b T, _ time.Time) any {
				_, subjects := parts(b)
				return subjectsOf(subjects, kindOfSubject)
			},
		}
	}
	return []kind.Column[T]{
		{Name: "Role", Description: rbacv1.RoleBinding{}.SwaggerDoc()["roleRef"], Value: func(b T, _ time.Time) any {
			ref, _ := parts(b)
			return fmt.Sprintf("%s/%s", ref.Kind, ref.Name)
		}},
		kind.Age[T](),
		subjects("Users", rbacv1.UserKind),
		subjects("Groups", rbacv1.GroupKind),
		subjects("ServiceAccounts", rbacv1.ServiceAccountKind),
	}
}
