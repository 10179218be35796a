// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package garbagecollector

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const reasonInvalidNamespace = "OwnerRefInvalidNamespace"

func reference(o *object) *corev1.ObjectReference {
	return &corev1.ObjectReference{
		APIVersion: o.kind.GroupVersion().String(), Kind: o.kind.Kind, Namespace: o.namespace, Name: o.name, UID: o.uid,
	}
}

// reportMisplaced tells about a reference to an owner that exists, but not where the reference can point.
func (r *Reconciler) reportMisplaced(o *object, ref metav1.OwnerReference) {
	r.recorder.Eventf(reference(o), corev1.EventTypeWarning, reasonInvalidNamespace,
		"ownerRef [%s/%s, namespace: %s, name: %s, uid: %s] does not exist in namespace %q", ref.APIVersion, ref.Kind, o.namespace, ref.Name, ref.UID, o.namespace)
}

// reportClusterScoped tells about a cluster-wide object that names an owner in some namespace.
func (r *Reconciler) reportClusterScoped(o *object, ref metav1.OwnerReference) {
	r.recorder.Eventf(reference(o), corev1.EventTypeWarning, reasonInvalidNamespace,
		"ownerRef [%s/%s, name: %s, uid: %s] is namespaced; a cluster-scoped object can't be owned by it", ref.APIVersion, ref.Kind, ref.Name, ref.UID)
}
