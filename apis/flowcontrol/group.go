// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package flowcontrol

import (
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apis/kind"
)

// Group is the group as the API server installs it. Kubernetes 1.37 serves v1 alone; the beta versions are gone.
func Group() kind.Group {
	return kind.Group{
		Name:        "flowcontrol.apiserver.k8s.io",
		Versions:    []string{"v1"},
		AddToScheme: []func(*runtime.Scheme) error{flowcontrolv1.AddToScheme},
		Kinds:       []kind.Kind{FlowSchemas, PriorityLevelConfigurations},
	}
}
