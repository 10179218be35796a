// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// reference names a node the way Kubernetes does in events of nodes, with the name in place of the UID, so that they
// are found also when the node is gone.
func reference(name string) *corev1.ObjectReference {
	return &corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: name, UID: types.UID(name)}
}

func (r *Reconciler) registered(node *corev1.Node) {
	ref := reference(node.Name)
	ref.UID = node.UID
	r.recorder.Eventf(ref, corev1.EventTypeNormal, "RegisteredNode", "Node %s event: Registered Node %s in Controller", node.Name, node.Name)
}

func (r *Reconciler) removed(name string) {
	r.recorder.Eventf(reference(name), corev1.EventTypeNormal, "RemovingNode", "Node %s event: Removing Node %s from Controller", name, name)
}

func (r *Reconciler) notReady(node *corev1.Node) {
	ref := reference(node.Name)
	ref.UID = node.UID
	r.recorder.Eventf(ref, corev1.EventTypeNormal, "NodeNotReady", "Node %s status is now: %s", node.Name, "NodeNotReady")
}
