// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package authentication

import (
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apis/kind"
)

// Group is the group as the API server installs it.
func Group() kind.Group {
	return kind.Group{
		Name:        "authentication.k8s.io",
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{authenticationv1.AddToScheme},
		Kinds:       []kind.Kind{SelfSubjectReviews, TokenRequests, TokenReviews},
	}
}
