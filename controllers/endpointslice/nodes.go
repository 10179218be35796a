// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpointslice

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/cache"
	"k8s.io/endpointslice/topologycache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// nodeLister gives the library nodes from our cache.
type nodeLister struct {
	reader client.Reader
}

// List implements corelisters.NodeLister.
func (l nodeLister) List(selector labels.Selector) ([]*corev1.Node, error) {
	var list corev1.NodeList
	err := l.reader.List(context.Background(), &list, client.MatchingLabelsSelector{Selector: selector}, client.UnsafeDisableDeepCopy)
	nodes := make([]*corev1.Node, len(list.Items))
	for i := range list.Items {
		nodes[i] = &list.Items[i]
	}
	return nodes, err
}

// Get implements corelisters.NodeLister. The interface leaves no room for a context; a cache needs none.
func (l nodeLister) Get(name string) (*corev1.Node, error) {
	node := &corev1.Node{}
	if err := l.reader.Get(context.Background(), types.NamespacedName{Name: name}, node, client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	return node, nil
}

// nodeHandler tells the topology cache about nodes, and wakes the Services whose hints no longer fit.
type nodeHandler struct {
	reader   client.Reader
	topology *topologycache.TopologyCache
}

// Create implements handler.EventHandler.
func (h *nodeHandler) Create(ctx context.Context, _ event.CreateEvent, q queue) { h.wake(ctx, q) }

// Update implements handler.EventHandler. Most updates of nodes are heartbeats and change nothing here.
func (h *nodeHandler) Update(ctx context.Context, e event.UpdateEvent, q queue) {
	before, now := e.ObjectOld.(*corev1.Node), e.ObjectNew.(*corev1.Node)
	if before.Labels[corev1.LabelTopologyZone] != now.Labels[corev1.LabelTopologyZone] ||
		!before.Status.Allocatable.Cpu().Equal(*now.Status.Allocatable.Cpu()) || ready(before) != ready(now) {
		h.wake(ctx, q)
	}
}

// Delete implements handler.EventHandler.
func (h *nodeHandler) Delete(ctx context.Context, _ event.DeleteEvent, q queue) { h.wake(ctx, q) }

// Generic implements handler.EventHandler; nothing sends such events.
func (h *nodeHandler) Generic(context.Context, event.GenericEvent, queue) {}

func (h *nodeHandler) wake(ctx context.Context, q queue) {
	nodes, err := nodeLister{h.reader}.List(labels.Everything())
	if err != nil {
		log.FromContext(ctx).Error(err, "Listing nodes for topology hints")
		return
	}
	h.topology.SetNodes(log.FromContext(ctx).V(4), nodes) // it says of every node without a zone that it has none
	for _, key := range h.topology.GetOverloadedServices() {
		namespace, name, err := cache.SplitMetaNamespaceKey(key)
		if err == nil {
			q.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: namespace, Name: name}})
		}
	}
}

func ready(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
