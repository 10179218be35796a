// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpointslice

import (
	"context"

	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	endpointsliceutil "k8s.io/endpointslice/util"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// sliceHandler wakes a Service when one of its slices differs from what this controller last wrote. Our own writes come
// back as events too; the tracker knows them by their generation.
type sliceHandler struct {
	written *endpointsliceutil.EndpointSliceTracker
}

// Create implements handler.EventHandler.
func (h *sliceHandler) Create(_ context.Context, e event.CreateEvent, q queue) {
	if slice := e.Object.(*discoveryv1.EndpointSlice); managed(slice) && h.written.ShouldSync(slice) {
		wake(slice, q)
	}
}

// Update implements handler.EventHandler.
func (h *sliceHandler) Update(_ context.Context, e event.UpdateEvent, q queue) {
	before, now := e.ObjectOld.(*discoveryv1.EndpointSlice), e.ObjectNew.(*discoveryv1.EndpointSlice)
	if before.Labels[discoveryv1.LabelServiceName] != now.Labels[discoveryv1.LabelServiceName] {
		wake(before, q)
		wake(now, q)
		return
	}
	if managed(before) != managed(now) || (managed(now) && h.written.ShouldSync(now)) {
		wake(now, q)
	}
}

// Delete implements handler.EventHandler.
func (h *sliceHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) {
	slice := e.Object.(*discoveryv1.EndpointSlice)
	if managed(slice) && h.written.Has(slice) && !h.written.HandleDeletion(slice) {
		wake(slice, q) // not deleted by us
	}
}

// Generic implements handler.EventHandler; nothing sends such events.
func (h *sliceHandler) Generic(context.Context, event.GenericEvent, queue) {}

func managed(slice *discoveryv1.EndpointSlice) bool {
	return slice.Labels[discoveryv1.LabelManagedBy] == manager
}

func wake(slice *discoveryv1.EndpointSlice, q queue) {
	if name := slice.Labels[discoveryv1.LabelServiceName]; name != "" {
		q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: slice.Namespace, Name: name}})
	}
}
