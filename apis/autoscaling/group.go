// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package autoscaling

import (
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apis/kind"
)

// Group is the group as the API server installs it.
func Group() kind.Group {
	return kind.Group{
		Name:        "autoscaling",
		Versions:    []string{"v2", "v1"},
		AddToScheme: []func(*runtime.Scheme) error{autoscalingv2.AddToScheme, autoscalingv1.AddToScheme},
		Kinds:       []kind.Kind{HorizontalPodAutoscalers, Scales},
	}
}
