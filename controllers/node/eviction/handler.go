// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package eviction

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"coxswain.dev/coxswain/controllers/internal/index"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// podHandler wakes pods that were bound, or whose tolerations changed, when their node evicts. All other pods, which is
// to say nearly all, cost one look at a node in the cache.
type podHandler struct {
	handler.Funcs
	reader client.Reader
}

// Create implements handler.EventHandler.
func (h *podHandler) Create(ctx context.Context, e event.CreateEvent, q queue) {
	h.wake(ctx, e.Object.(*corev1.Pod), q)
}

// Update implements handler.EventHandler.
func (h *podHandler) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	before, now := e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)
	if before.Spec.NodeName != now.Spec.NodeName || !equality.Semantic.DeepEqual(before.Spec.Tolerations, now.Spec.Tolerations) {
		h.wake(ctx, now, q)
	}
}

func (h *podHandler) wake(ctx context.Context, pod *corev1.Pod, q queue) {
	if pod.Spec.NodeName == "" || pod.DeletionTimestamp != nil {
		return
	}
	node := &corev1.Node{}
	if err := h.reader.Get(ctx, types.NamespacedName{Name: pod.Spec.NodeName}, node, client.UnsafeDisableDeepCopy); err != nil {
		return // the event of the node comes later
	}
	if len(noExecute(node)) > 0 {
		q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(pod)})
	}
}

// nodeHandler wakes all pods of a node whose NoExecute taints changed.
type nodeHandler struct {
	handler.Funcs
	reader client.Reader
}

// Create implements handler.EventHandler.
func (h *nodeHandler) Create(ctx context.Context, e event.CreateEvent, q queue) {
	h.wake(ctx, e.Object.(*corev1.Node), q)
}

// Update implements handler.EventHandler.
func (h *nodeHandler) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	before, now := e.ObjectOld.(*corev1.Node), e.ObjectNew.(*corev1.Node)
	if !equality.Semantic.DeepEqual(noExecute(before), noExecute(now)) {
		h.wake(ctx, now, q)
	}
}

func (h *nodeHandler) wake(ctx context.Context, node *corev1.Node, q queue) {
	if len(noExecute(node)) == 0 {
		return // a pod whose time was running finds nothing to do when it is up
	}
	var pods corev1.PodList
	if err := h.reader.List(ctx, &pods, index.OnNode(node.Name), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Listing pods of a tainted node", "node", node.Name)
		return
	}
	for i := range pods.Items {
		q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&pods.Items[i])})
	}
}
