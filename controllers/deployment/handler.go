// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

import (
	"context"
	"maps"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

// setHandler wakes the deployments that a change of a ReplicaSet concerns.
type setHandler struct {
	client client.Reader
}

// ownerOf returns the key of the deployment that controls a set.
func ownerOf(set client.Object) (types.NamespacedName, bool) {
	ref := metav1.GetControllerOfNoCopy(set)
	if ref == nil || ref.Kind != kind.Kind || ref.APIVersion != kind.GroupVersion().String() {
		return types.NamespacedName{}, false
	}
	return types.NamespacedName{Namespace: set.GetNamespace(), Name: ref.Name}, true
}

// Create implements handler.EventHandler.
func (h *setHandler) Create(ctx context.Context, e event.CreateEvent, q queue) {
	h.wake(ctx, e.Object, q)
}

// Update implements handler.EventHandler.
func (h *setHandler) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	before, had := ownerOf(e.ObjectOld)
	owner, has := ownerOf(e.ObjectNew)
	if had && (!has || before != owner) {
		q.Add(reconcile.Request{NamespacedName: before})
	}
	if has || had || !maps.Equal(e.ObjectOld.GetLabels(), e.ObjectNew.GetLabels()) {
		h.wake(ctx, e.ObjectNew, q)
	}
}

// Delete implements handler.EventHandler.
func (h *setHandler) Delete(_ context.Context, e event.DeleteEvent, q queue) {
	if owner, ok := ownerOf(e.Object); ok {
		q.Add(reconcile.Request{NamespacedName: owner})
	}
}

// Generic implements handler.EventHandler; nothing sends such events.
func (h *setHandler) Generic(context.Context, event.GenericEvent, queue) {}

// wake wakes the owner of a set or, when it has none, the deployments that might adopt it.
func (h *setHandler) wake(ctx context.Context, set client.Object, q queue) {
	if owner, ok := ownerOf(set); ok {
		q.Add(reconcile.Request{NamespacedName: owner})
		return
	}
	if metav1.GetControllerOfNoCopy(set) != nil || len(set.GetLabels()) == 0 {
		return
	}
	deployments, err := matching(ctx, h.client, set.GetNamespace(), set.GetLabels())
	if err != nil {
		log.FromContext(ctx).Error(err, "Finding deployments for an orphan", "replicaset", client.ObjectKeyFromObject(set))
		return
	}
	for _, deployment := range deployments {
		q.Add(reconcile.Request{NamespacedName: client.ObjectKeyFromObject(deployment)})
	}
}

// podHandler wakes a Recreate deployment when a pod is gone: the last of the old ones makes room for the new.
type podHandler struct {
	handler.Funcs
	client client.Reader
}

// Update implements handler.EventHandler: a pod that has ended counts as gone.
func (h *podHandler) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	if ended(e.ObjectNew.(*corev1.Pod)) && !ended(e.ObjectOld.(*corev1.Pod)) {
		h.wake(ctx, e.ObjectNew, q)
	}
}

// Delete implements handler.EventHandler.
func (h *podHandler) Delete(ctx context.Context, e event.DeleteEvent, q queue) {
	h.wake(ctx, e.Object, q)
}

func (h *podHandler) wake(ctx context.Context, pod client.Object, q queue) {
	ref := metav1.GetControllerOfNoCopy(pod)
	if ref == nil || ref.Kind != setKind.Kind {
		return
	}
	set := &appsv1.ReplicaSet{}
	if err := h.client.Get(ctx, types.NamespacedName{Namespace: pod.GetNamespace(), Name: ref.Name}, set); err != nil {
		return // the set is gone, and its own event has woken the deployment
	}
	owner, ok := ownerOf(set)
	if !ok {
		return
	}
	deployment := &appsv1.Deployment{}
	if err := h.client.Get(ctx, owner, deployment); err != nil || deployment.Spec.Strategy.Type != appsv1.RecreateDeploymentStrategyType {
		return
	}
	q.Add(reconcile.Request{NamespacedName: owner})
}
