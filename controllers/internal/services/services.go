// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package services

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/util/workqueue"
	endpointsliceutil "k8s.io/endpointslice/util"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// PodHandler wakes the Services that select a pod, before or after a change that matters to endpoints (addresses,
// readiness, node, deletion, labels). Other changes wake nobody.
type PodHandler struct {
	handler.Funcs
	// Reader lists Services; it should be a cache.
	Reader client.Reader
}

// Create implements handler.EventHandler.
func (h *PodHandler) Create(ctx context.Context, e event.CreateEvent, q queue) {
	h.wake(ctx, endpointsliceutil.GetPodUpdateProjectionKey(nil, e.Object), q)
}

// Update implements handler.EventHandler.
func (h *PodHandler) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	h.wake(ctx, endpointsliceutil.GetPodUpdateProjectionKey(e.ObjectOld, e.ObjectNew), q)
}

// Delete implements handler.EventHandler.
func (h *PodHandler) Delete(ctx context.Context, e event.DeleteEvent, q queue) {
	h.wake(ctx, endpointsliceutil.GetPodUpdateProjectionKey(e.Object, nil), q)
}

func (h *PodHandler) wake(ctx context.Context, change *endpointsliceutil.PodProjectionKey, q queue) {
	if change == nil {
		return
	}
	var list corev1.ServiceList
	if err := h.Reader.List(ctx, &list, client.InNamespace(change.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		log.FromContext(ctx).Error(err, "Listing services for a pod", "namespace", change.Namespace)
		return
	}
	for i := range list.Items {
		if concerns(&list.Items[i], change) {
			q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
}

// concerns reports whether a change touches a Service: it selects the pod now, or it did before its labels changed. A
// pod that was selected before and after, with nothing but labels changed, looks the same to the Service.
func concerns(service *corev1.Service, change *endpointsliceutil.PodProjectionKey) bool {
	if service.Spec.Selector == nil {
		return false
	}
	selector := labels.SelectorFromSet(service.Spec.Selector)
	now := selector.Matches(change.Labels)
	if change.OldLabels == nil {
		return now
	}
	before := selector.Matches(change.OldLabels)
	if change.PodChanged {
		return now || before
	}
	return now != before
}
