// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Source gives read access to the pods of this node. The pods are shared: they must not be changed.
type Source interface {
	// List returns all pods bound to this node that are not gone yet, each with its newest status, sorted by namespace
	// and name.
	List() []*corev1.Pod
	// Get returns the pod of that name, or nil.
	Get(key types.NamespacedName) *corev1.Pod
	// ByUID returns the pod with that UID, or nil.
	ByUID(uid types.UID) *corev1.Pod
}
