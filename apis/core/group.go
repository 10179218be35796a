// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/apis/kind"
)

// Group is the core group.
func Group() kind.Group {
	return kind.Group{
		Name:     corev1.GroupName,
		Versions: []string{"v1"},
		// The other group that serves events belongs to no kind of its own, so its types are registered here.
		AddToScheme: []func(*runtime.Scheme) error{corev1.AddToScheme, eventsv1.AddToScheme},
		Kinds: []kind.Kind{
			Bindings,
			ConfigMaps,
			Endpoints,
			Events,
			LimitRanges,
			Namespaces,
			Nodes,
			PersistentVolumeClaims,
			PersistentVolumes,
			Pods,
			PodTemplates,
			ResourceQuotas,
			Secrets,
			ServiceAccounts,
			Services,
		},
	}
}
