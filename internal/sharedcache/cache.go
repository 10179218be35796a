// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package sharedcache

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Cache is a lifecycle.Component around one controller-runtime cache.
type Cache struct {
	cache cache.Cache
	ready chan struct{}

	mu sync.Mutex
	// indexes are the fields indexed so far, by type; guarded by mu.
	indexes map[string]bool
}

// New makes the cache on config. Objects are kept without managedFields, which no part reads.
func New(config *rest.Config, scheme *runtime.Scheme) (*Cache, error) {
	unsynced := false
	inner, err := cache.New(config, cache.Options{
		Scheme:                      scheme,
		DefaultTransform:            StripManagedFields,
		ReaderFailOnMissingInformer: unsynced,
	})
	if err != nil {
		return nil, fmt.Errorf("making the shared cache: %w", err)
	}
	return &Cache{cache: inner, ready: make(chan struct{}), indexes: map[string]bool{}}, nil
}

// StripManagedFields is a transform for informers.
func StripManagedFields(obj any) (any, error) {
	if accessor, err := meta.Accessor(obj); err == nil {
		accessor.SetManagedFields(nil)
	}
	return obj, nil
}

// Start implements lifecycle.Component.
func (c *Cache) Start(ctx context.Context) error {
	close(c.ready)
	return c.cache.Start(ctx)
}

// Ready implements lifecycle.Component: informers are made on demand, so the cache is ready as soon as it runs.
func (c *Cache) Ready() <-chan struct{} { return c.ready }

// NewCache is a cache.NewCacheFunc whose result is a view of the shared cache.
func (c *Cache) NewCache(*rest.Config, cache.Options) (cache.Cache, error) {
	return &view{Cache: c.cache, shared: c}, nil
}

// view is the shared cache as one manager sees it.
type view struct {
	cache.Cache
	shared *Cache

	mu sync.Mutex
	// informers are those that this manager has asked for; guarded by mu.
	informers []cache.Informer
}

// GetInformer remembers what the manager waits for.
func (v *view) GetInformer(ctx context.Context, obj client.Object, options ...cache.InformerGetOption) (cache.Informer, error) {
	informer, err := v.Cache.GetInformer(ctx, obj, options...)
	return v.remember(informer, err)
}

// GetInformerForKind remembers what the manager waits for.
func (v *view) GetInformerForKind(ctx context.Context, kind schema.GroupVersionKind, options ...cache.InformerGetOption) (cache.Informer, error) {
	informer, err := v.Cache.GetInformerForKind(ctx, kind, options...)
	return v.remember(informer, err)
}

func (v *view) remember(informer cache.Informer, err error) (cache.Informer, error) {
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if !slices.Contains(v.informers, informer) {
		v.informers = append(v.informers, informer)
	}
	return informer, nil
}

// WaitForCacheSync waits for the informers of this manager only: another's may take long, for example one of a kind whose
// definition has just been made.
func (v *view) WaitForCacheSync(ctx context.Context) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if v.synced() {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-tick.C:
		}
	}
}

func (v *view) synced() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, informer := range v.informers {
		if !informer.HasSynced() {
			return false
		}
	}
	return true
}

// Start waits, since the owner runs the cache.
func (v *view) Start(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// IndexField accepts the same index from several managers.
func (v *view) IndexField(ctx context.Context, obj client.Object, field string, value client.IndexerFunc) error {
	key := reflect.TypeOf(obj).String() + " " + field
	v.shared.mu.Lock()
	defer v.shared.mu.Unlock()
	if v.shared.indexes[key] {
		return nil
	}
	if err := v.Cache.IndexField(ctx, obj, field, value); err != nil {
		return err
	}
	v.shared.indexes[key] = true
	return nil
}
