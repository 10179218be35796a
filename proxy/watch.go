// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/apis"
)

// newCache makes the informers of a proxy that runs alone, or a view of those
// it was given. Only pods of our own node are of interest; a shared cache may
// hold more, which the tracker ignores.
func newCache(cfg Config) (cache.Cache, error) {
	make := cfg.NewCache
	if make == nil {
		make = cache.New
	}
	made, err := make(cfg.Rest, cache.Options{
		Scheme:           apis.NewClientScheme(),
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&corev1.Pod{}: {Field: fields.OneTermEqualSelector("spec.nodeName", cfg.NodeName)},
		},
	})
	if err != nil {
		return nil, fmt.Errorf("making the proxy's cache: %w", err)
	}
	return made, nil
}

// watch has every event marked in the tracker and the loop woken. The returned
// functions say whether an informer's first list has been handed over.
func (p *Proxy) watch(ctx context.Context) ([]toolscache.InformerSynced, error) {
	var synced []toolscache.InformerSynced
	for _, w := range []struct {
		kind    client.Object
		handler toolscache.ResourceEventHandlerFuncs
	}{
		{&corev1.Service{}, p.handler(p.serviceChanged, p.serviceGone)},
		{&discoveryv1.EndpointSlice{}, p.handler(p.sliceChanged, p.sliceGone)},
		{&corev1.Pod{}, p.handler(p.podChanged, p.podGone)},
		{&corev1.Node{}, p.handler(p.nodeChanged, p.nodeGone)},
	} {
		informer, err := p.cache.GetInformer(ctx, w.kind, cache.BlockUntilSynced(false))
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", w.kind, err)
		}
		registration, err := informer.AddEventHandler(w.handler)
		if err != nil {
			return nil, fmt.Errorf("watching %T: %w", w.kind, err)
		}
		// The informers may outlive this proxy; its handlers must not.
		context.AfterFunc(ctx, func() { _ = informer.RemoveEventHandler(registration) })
		synced = append(synced, registration.HasSynced)
	}
	return synced, nil
}

// synced waits until every informer has handed its first list over.
func synced(ctx context.Context, lists []toolscache.InformerSynced) bool {
	return wait.PollUntilContextCancel(ctx, 10*time.Millisecond, true, func(context.Context) (bool, error) {
		for _, done := range lists {
			if !done() {
				return false, nil
			}
		}
		return true, nil
	}) == nil
}

// handler runs a function under the lock for every event and wakes the loop if
// it concerns us: a shared cache also brings the pods of all other nodes.
func (p *Proxy) handler(changed, gone func(any)) toolscache.ResourceEventHandlerFuncs {
	locked := func(run func(any), obj any) {
		p.mu.Lock()
		run(obj)
		concerns := p.nodesDirty || p.tracker.Pending()
		p.mu.Unlock()
		if concerns {
			p.figures.lastQueued.Set(float64(p.cfg.Clock.Now().UnixNano()) / 1e9)
			p.poke()
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { locked(changed, obj) },
		UpdateFunc: func(_, obj any) { locked(changed, obj) },
		DeleteFunc: func(obj any) {
			if tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = tombstone.Obj
			}
			locked(gone, obj)
		},
	}
}

// poke wakes the loop; several pokes before it wakes are one.
func (p *Proxy) poke() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *Proxy) serviceChanged(obj any) {
	p.tracker.SetService(obj.(*corev1.Service))
	p.figures.serviceChanges.Inc()
}

func (p *Proxy) serviceGone(obj any) {
	p.tracker.DeleteService(nameOf(obj.(*corev1.Service)))
	p.figures.serviceChanges.Inc()
}

func (p *Proxy) sliceChanged(obj any) {
	p.tracker.SetSlice(obj.(*discoveryv1.EndpointSlice))
	p.figures.endpointChanges.Inc()
}

func (p *Proxy) sliceGone(obj any) {
	p.tracker.DeleteSlice(obj.(*discoveryv1.EndpointSlice))
	p.figures.endpointChanges.Inc()
}

func (p *Proxy) podChanged(obj any) { p.tracker.SetPod(obj.(*corev1.Pod)) }

func (p *Proxy) podGone(obj any) { p.tracker.DeletePod(nameOf(obj.(*corev1.Pod))) }

func (p *Proxy) nodeChanged(obj any) {
	node := obj.(*corev1.Node)
	old := p.nodes[node.Name]
	p.nodes[node.Name] = node
	p.nodesDirty = p.nodesDirty || old == nil || nodeMatters(old, node)
}

// nodeMatters tells a change from a heartbeat.
func nodeMatters(old, fresh *corev1.Node) bool {
	return old.Spec.PodCIDR != fresh.Spec.PodCIDR || (old.DeletionTimestamp == nil) != (fresh.DeletionTimestamp == nil) ||
		old.Labels[corev1.LabelTopologyZone] != fresh.Labels[corev1.LabelTopologyZone] ||
		!slices.Equal(old.Status.Addresses, fresh.Status.Addresses)
}

func (p *Proxy) nodeGone(obj any) {
	delete(p.nodes, obj.(*corev1.Node).Name)
	p.nodesDirty = true
}

func nameOf(obj client.Object) types.NamespacedName { return client.ObjectKeyFromObject(obj) }
