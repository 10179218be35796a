// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"coxswain.dev/coxswain/controllers/internal/expectations"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// podHandler wakes the sets that a change of a pod concerns and ticks off the writes that the cache has now seen.
type podHandler struct {
	client  client.Reader
	pending *expectations.Store
}

// ownerOf returns the key of the set that controls pod.
func ownerOf(pod client.Object) (types.NamespacedName, bool) {
	ref := metav1.GetControllerOfNoCopy(pod)
	if ref == nil || ref.Kind != kind.Kind || ref.APIVersion != kind.GroupVersion().String() {
		return types.NamespacedName{}, false
	}
	return types.NamespacedName{Namespace: pod.GetNamespace(), Name: ref.Name}, true
}

// Create implements handler.EventHandler.
func (h *podHandler) Create(ctx context.Context, e event.CreateEvent, q queue) {
	pod := e.Object.(*corev1.Pod)
	if pod.DeletionTimestamp != nil {
		h.gone(pod, q) // seen for the first time when it was already going
		return
	}
	if owner, ok := ownerOf(pod); ok {
		h.pending.CreationSeen(owner, 1)
		q.Add(reconcile.Request{NamespacedName: owner})
		return
	}
	h.wakeAdopters(ctx, pod, q)
}

// Update implements handler.EventHandler.
func (h *podHandler) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	old, pod := e.ObjectOld.(*corev1.Pod), e.ObjectNew.(*corev1.Pod)
	if old.ResourceVersion == pod.ResourceVersion {
		return
	}
	before, had := ownerOf(old)
	owner, has := ownerOf(pod)
	if had && (!has || before != owner) {
		q.Add(reconcile.Request{NamespacedName: before})
	}
	if has && pod.DeletionTimestamp != nil {
		h.pending.DeletionSeen(owner, pod.UID)
	}
	switch {
	case has:
		q.Add(reconcile.Request{NamespacedName: owner})
	case metav1.GetControllerOfNoCopy(pod) == nil && (had || !maps.Equal(old.Labels, pod.Labels) || !equality.Semantic.DeepEqual(old.OwnerReferences, pod.OwnerReferences)):
		h.wakeAdopters(ctx, pod, q)
	}
}

// Delete implements handler.EventHandler.
func (h *podHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) {
	h.gone(e.Object.(*corev1.Pod), q)
}

// Generic implements handler.EventHandler; nothing sends such events.
func (h *podHandler) Generic(context.Context, event.GenericEvent, queue) {}

func (h *podHandler) gone(pod *corev1.Pod, q queue) {
	if owner, ok := ownerOf(pod); ok {
		h.pending.DeletionSeen(owner, pod.UID)
		q.Add(reconcile.Request{NamespacedName: owner})
	}
}

// wakeAdopters wakes all sets that might adopt an orphan.
func (h *podHandler) wakeAdopters(ctx context.Context, pod *corev1.Pod, q queue) {
	if metav1.GetControllerOfNoCopy(pod) != nil || len(pod.Labels) == 0 {
		return
	}
	sets, err := matching(ctx, h.client, pod)
	if err != nil {
		log.FromContext(ctx).Error(err, "Finding replica sets for an orphan", "pod", client.ObjectKeyFromObject(pod))
		return
	}
	for _, set := range sets {
		q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(set)})
	}
}
