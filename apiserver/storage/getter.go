// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	genericstorage "k8s.io/apiserver/pkg/storage"
	"k8s.io/apiserver/pkg/storage/cacher"
	"k8s.io/apiserver/pkg/storage/storagebackend"
	"k8s.io/apiserver/pkg/storage/storagebackend/factory"
	"k8s.io/client-go/tools/cache"
)

// Getter says how the resources of one of the servers in the chain are stored. It implements generic.RESTOptionsGetter.
type Getter struct {
	Backend *Backend
	// Codec encodes the objects of a resource.
	Codec func(resource schema.GroupResource) (runtime.Codec, runtime.GroupVersioner)
	// Prefix is where the objects of a resource are, below the backend's prefix.
	Prefix func(resource schema.GroupResource) string
	// Cached says whether a resource has a watch cache; nil means always.
	Cached func(resource schema.GroupResource) bool
	// DeleteCollectionWorkers is as in the server's configuration.
	DeleteCollectionWorkers int
}

var _ generic.RESTOptionsGetter = &Getter{}

// countPeriod is how often the objects of a kind are counted, for metrics and for estimates of cost.
const countPeriod = time.Minute

// GetRESTOptions implements generic.RESTOptionsGetter.
func (g *Getter) GetRESTOptions(resource schema.GroupResource, _ runtime.Object) (generic.RESTOptions, error) {
	codec, versioner := g.Codec(resource)
	config := storagebackend.NewDefaultConfig(g.Backend.config.Prefix, codec)
	config.EncodeVersioner = versioner
	config.CountMetricPollPeriod = countPeriod
	config.StorageObjectCountTracker = g.Backend.config.Objects
	decorator := g.cached
	if g.Cached != nil && !g.Cached(resource) {
		decorator = g.uncached
	}
	return generic.RESTOptions{
		StorageConfig:             config.ForResource(resource),
		Decorator:                 decorator,
		EnableGarbageCollection:   true,
		DeleteCollectionWorkers:   max(1, g.DeleteCollectionWorkers),
		ResourcePrefix:            g.Prefix(resource),
		CountMetricPollPeriod:     countPeriod,
		StorageObjectCountTracker: g.Backend.config.Objects,
	}, nil
}

func (g *Getter) uncached(config *storagebackend.ConfigForResource, prefix string, _ func(runtime.Object) (string, error),
	newFunc, newListFunc func() runtime.Object, _ genericstorage.AttrFunc, _ genericstorage.IndexerFuncs, _ *cache.Indexers,
) (genericstorage.Interface, factory.DestroyFunc, error) {
	store, closeStore, err := g.Backend.raw(config, prefix, newFunc, newListFunc)
	if err != nil {
		return nil, nil, err
	}
	return answering{store}, factory.DestroyFunc(sync.OnceFunc(closeStore)), nil
}

func (g *Getter) cached(config *storagebackend.ConfigForResource, prefix string, keyFunc func(runtime.Object) (string, error),
	newFunc, newListFunc func() runtime.Object, attributes genericstorage.AttrFunc, triggers genericstorage.IndexerFuncs,
	indexers *cache.Indexers,
) (genericstorage.Interface, factory.DestroyFunc, error) {
	store, closeStore, err := g.Backend.raw(config, prefix, newFunc, newListFunc)
	if err != nil {
		return nil, nil, err
	}
	cached, err := cacher.NewCacherFromConfig(cacher.Config{
		Storage:             store,
		Versioner:           genericstorage.APIObjectVersioner{},
		GroupResource:       config.GroupResource,
		EventsHistoryWindow: config.EventsHistoryWindow,
		ResourcePrefix:      prefix,
		KeyFunc:             keyFunc,
		NewFunc:             newFunc,
		NewListFunc:         newListFunc,
		GetAttrsFunc:        attributes,
		IndexerFuncs:        triggers,
		Indexers:            indexers,
		Codec:               config.Codec,
		Clock:               g.Backend.clock,
	})
	if err != nil {
		closeStore()
		return nil, nil, err
	}
	delegator := cacher.NewCacheDelegator(cached, store)
	forget := g.Backend.caches.add(watchCache{cached, store})
	return answering{delegator}, factory.DestroyFunc(sync.OnceFunc(func() {
		forget()
		delegator.Stop()
		cached.Stop()
		closeStore()
	})), nil
}
