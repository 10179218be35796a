// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apis/kind"
)

// Group is the group as the API server installs it.
func Group() kind.Group {
	return kind.Group{
		Name:        "policy",
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{policyv1.AddToScheme},
		Kinds:       []kind.Kind{Evictions},
	}
}
