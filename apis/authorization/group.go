// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authorization

import (
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apis/kind"
)

// Group is the group as the API server installs it.
func Group() kind.Group {
	return kind.Group{
		Name:        "authorization.k8s.io",
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{authorizationv1.AddToScheme},
		Kinds:       []kind.Kind{LocalSubjectAccessReviews, SelfSubjectAccessReviews, SelfSubjectRulesReviews, SubjectAccessReviews},
	}
}
