// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiservices

import (
	"context"
	"fmt"
	"sync"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdinformers "k8s.io/apiextensions-apiserver/pkg/client/informers/externalversions/apiextensions/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	apiregistrationv1 "k8s.io/kube-aggregator/pkg/apis/apiregistration/v1"
)

// Registry is where APIServices are wanted or not; the library's autoregister controller.
type Registry interface {
	AddAPIServiceToSync(*apiregistrationv1.APIService)
	RemoveAPIServiceToSync(name string)
}

// Custom keeps a Registry in step with custom resource definitions.
type Custom struct {
	registry Registry
	crds     crdinformers.CustomResourceDefinitionInformer
	queue    workqueue.TypedRateLimitingInterface[schema.GroupVersion]
	synced   chan struct{}
	once     sync.Once
}

// NewCustom makes a Custom; it registers handlers with the informer and starts nothing.
func NewCustom(crds crdinformers.CustomResourceDefinitionInformer, registry Registry) (*Custom, error) {
	c := &Custom{
		registry: registry, crds: crds, synced: make(chan struct{}),
		queue: workqueue.NewTypedRateLimitingQueueWithConfig(
			workqueue.NewTypedItemExponentialFailureRateLimiter[schema.GroupVersion](5*time.Millisecond, time.Minute),
			workqueue.TypedRateLimitingQueueConfig[schema.GroupVersion]{Name: "crd_registration"}),
	}
	_, err := crds.Informer().AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    func(obj any) { c.enqueue(obj) },
		UpdateFunc: func(old, obj any) { c.enqueue(old); c.enqueue(obj) },
		DeleteFunc: func(obj any) {
			if tombstone, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = tombstone.Obj
			}
			c.enqueue(obj)
		},
	})
	if err != nil {
		return nil, fmt.Errorf("watching custom resource definitions: %w", err)
	}
	return c, nil
}

func (c *Custom) enqueue(obj any) {
	if crd, ok := obj.(*apiextensionsv1.CustomResourceDefinition); ok {
		for _, v := range crd.Spec.Versions {
			c.queue.Add(schema.GroupVersion{Group: crd.Spec.Group, Version: v.Name})
		}
	}
}

// Synced is closed when every definition there was at the start has been looked at.
func (c *Custom) Synced() <-chan struct{} { return c.synced }

// Start runs until ctx ends.
func (c *Custom) Start(ctx context.Context) error {
	defer c.queue.ShutDown()
	if !cache.WaitForNamedCacheSyncWithContext(ctx, c.crds.Informer().HasSynced) {
		return nil
	}
	for _, gv := range c.served() {
		c.reconcile(gv)
	}
	c.once.Do(func() { close(c.synced) })
	go func() {
		for {
			gv, shutdown := c.queue.Get()
			if shutdown {
				return
			}
			c.reconcile(gv)
			c.queue.Done(gv)
		}
	}()
	<-ctx.Done()
	return nil
}

func (c *Custom) reconcile(gv schema.GroupVersion) {
	for _, served := range c.served() {
		if served == gv {
			c.registry.AddAPIServiceToSync(custom(gv))
			return
		}
	}
	c.registry.RemoveAPIServiceToSync(custom(gv).Name)
}

func (c *Custom) served() []schema.GroupVersion {
	crds, err := c.crds.Lister().List(labels.Everything())
	if err != nil { // the lister of an informer does not fail
		return nil
	}
	var all []schema.GroupVersion
	for _, crd := range crds {
		for _, v := range crd.Spec.Versions {
			if v.Served {
				all = append(all, schema.GroupVersion{Group: crd.Spec.Group, Version: v.Name})
			}
		}
	}
	return all
}
