// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podgc

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"coxswain.dev/coxswain/controllers/internal/index"
)

// podEvents finds pods bound to nodes that are not there, and those that were told to end.
type podEvents struct {
	r *Reconciler
}

// Create implements handler.TypedEventHandler.
func (h *podEvents) Create(ctx context.Context, e event.TypedCreateEvent[*corev1.Pod], q queue) {
	h.look(ctx, e.Object, q)
}

// Update implements handler.TypedEventHandler.
func (h *podEvents) Update(ctx context.Context, e event.TypedUpdateEvent[*corev1.Pod], q queue) {
	if e.ObjectOld.Spec.NodeName != e.ObjectNew.Spec.NodeName || (e.ObjectOld.DeletionTimestamp == nil) != (e.ObjectNew.DeletionTimestamp == nil) {
		h.look(ctx, e.ObjectNew, q)
	}
}

// Delete implements handler.TypedEventHandler.
func (h *podEvents) Delete(context.Context, event.TypedDeleteEvent[*corev1.Pod], queue) {}

// Generic implements handler.TypedEventHandler.
func (h *podEvents) Generic(context.Context, event.TypedGenericEvent[*corev1.Pod], queue) {}

func (h *podEvents) look(ctx context.Context, pod *corev1.Pod, q queue) {
	if pod.DeletionTimestamp != nil {
		q.Add(request{subject: leavingPod, key: client.ObjectKeyFromObject(pod)})
	}
	if pod.Spec.NodeName == "" {
		return
	}
	node := types.NamespacedName{Name: pod.Spec.NodeName}
	if err := h.r.client.Get(ctx, node, &corev1.Node{}, client.UnsafeDisableDeepCopy); err != nil {
		q.Add(request{subject: missingNode, key: node})
	}
}

// nodeEvents notes nodes that go, and the leaving pods of those declared out of service.
type nodeEvents struct {
	reader client.Reader
}

// Create implements handler.TypedEventHandler; a node that comes is no reason to delete anything.
func (*nodeEvents) Create(context.Context, event.TypedCreateEvent[*corev1.Node], queue) {}

// Update implements handler.TypedEventHandler.
func (h *nodeEvents) Update(ctx context.Context, e event.TypedUpdateEvent[*corev1.Node], q queue) {
	if !outOfService(e.ObjectNew) || outOfService(e.ObjectOld) {
		return
	}
	var pods corev1.PodList
	if err := h.reader.List(ctx, &pods, index.OnNode(e.ObjectNew.Name), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Listing pods of a node out of service", "node", e.ObjectNew.Name)
		return
	}
	for i := range pods.Items {
		if pods.Items[i].DeletionTimestamp != nil {
			q.Add(request{subject: leavingPod, key: client.ObjectKeyFromObject(&pods.Items[i])})
		}
	}
}

// Delete implements handler.TypedEventHandler.
func (*nodeEvents) Delete(_ context.Context, e event.TypedDeleteEvent[*corev1.Node], q queue) {
	q.Add(request{subject: missingNode, key: types.NamespacedName{Name: e.Object.Name}})
}

// Generic implements handler.TypedEventHandler.
func (*nodeEvents) Generic(context.Context, event.TypedGenericEvent[*corev1.Node], queue) {}
