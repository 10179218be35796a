// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apis/kind"
)

// Group is the group as the API server installs it.
func Group() kind.Group {
	return kind.Group{
		Name:        "apps",
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{appsv1.AddToScheme},
		Kinds:       []kind.Kind{Deployments, ReplicaSets},
	}
}
