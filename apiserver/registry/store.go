// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apis/kind"
)

// Hook surrounds the writes of one resource with what a description can't do, such as allocating an address. Any field
// may be nil. The functions returned by Begin… are told whether the write was stored, and undo or complete.
type Hook struct {
	BeginCreate genericregistry.BeginCreateFunc
	BeginUpdate genericregistry.BeginUpdateFunc
	AfterDelete genericregistry.AfterDeleteFunc
}

// Config is what all storages share.
type Config struct {
	// Scheme is made by NewScheme.
	Scheme *runtime.Scheme
	// Options finds out where and how a resource is stored.
	Options generic.RESTOptionsGetter
	// Clock tells ages in tables; nil means the real one.
	Clock clock.PassiveClock
	// Hooks are by resource of the hub version.
	Hooks map[schema.GroupResource]Hook
	// Lifetime replaces the lifetime of objects of kinds that have one (events); zero leaves it.
	Lifetime time.Duration
}

// Storages are the storages of one kind by the path under its resource: "" for the kind itself, "status", "scale".
type Storages map[string]rest.Storage

// New makes the storages of a kind that is not Transient. The store is the one that they all work on.
func New(config Config, d *kind.Description) (*genericregistry.Store, Storages, error) {
	if config.Clock == nil {
		config.Clock = clock.RealClock{}
	}
	base := newStrategy(d, config.Scheme)
	hook := config.Hooks[d.GroupResource()]
	store := &genericregistry.Store{
		NewFunc:                   d.New,
		NewListFunc:               d.NewList,
		DefaultQualifiedResource:  d.GroupResource(),
		SingularQualifiedResource: schema.GroupResource{Group: d.GroupVersion.Group, Resource: d.Names.Singular},
		CreateStrategy:            base,
		UpdateStrategy:            base,
		DeleteStrategy:            base,
		ResetFieldsStrategy:       base,
		BeginCreate:               hook.BeginCreate,
		BeginUpdate:               hook.BeginUpdate,
		AfterDelete:               hook.AfterDelete,
		ReturnDeletedObject:       d.ReturnDeleted,
		TableConvertor:            tables{kind: d, clock: config.Clock},
	}
	if d.GracefulDeletion != nil {
		store.DeleteStrategy = gracefulStrategy{base}
	}
	if d.TTL != nil {
		store.TTLFunc = func(obj runtime.Object, _ uint64, _ bool) (uint64, error) {
			if config.Lifetime > 0 {
				return uint64(config.Lifetime / time.Second), nil
			}
			return d.TTL(obj), nil
		}
	}
	options := &generic.StoreOptions{RESTOptions: config.Options, AttrFunc: attributesOf(d)}
	options.TriggerFunc, options.Indexers = indexesOf(d)
	store.PredicateFunc = func(label labels.Selector, field fields.Selector) storage.SelectionPredicate {
		return storage.SelectionPredicate{Label: label, Field: field, GetAttrs: options.AttrFunc, IndexFields: d.Indexed}
	}
	if d.Held != nil {
		store.ShouldDeleteDuringUpdate = releasedDuringUpdate(d)
	}
	if err := store.CompleteWithOptions(options); err != nil {
		return nil, nil, fmt.Errorf("making the storage of %s: %w", d.GroupResource(), err)
	}
	return store, storagesOf(store, d, base), nil
}

func storagesOf(store *genericregistry.Store, d *kind.Description, base strategy) Storages {
	named := resource{Store: store, kind: d}
	storages := Storages{"": named}
	if d.Held != nil {
		storages[""] = newHeld(named)
	}
	if d.Owns&kind.StatusApart != 0 {
		storages["status"] = newStatus(store, base)
	}
	if d.Scale != nil {
		storages["scale"] = &scale{store: store, kind: d}
	}
	return storages
}

// resource adds to a store what discovery says about its names.
type resource struct {
	*genericregistry.Store
	kind *kind.Description
}

var (
	_ rest.ShortNamesProvider = resource{}
	_ rest.CategoriesProvider = resource{}
	_ rest.StandardStorage    = resource{}
)

func (r resource) ShortNames() []string { return r.kind.Names.Short }
func (r resource) Categories() []string { return r.kind.Names.Categories }

func attributesOf(d *kind.Description) storage.AttrFunc {
	return func(obj runtime.Object) (labels.Set, fields.Set, error) {
		m := accessor(obj)
		set := make(fields.Set, len(d.Fields)+2)
		set["metadata.name"] = m.GetName()
		if d.Scope == kind.Namespaced {
			set["metadata.namespace"] = m.GetNamespace()
		}
		for path, value := range d.Fields {
			set[path] = value(obj)
		}
		return m.GetLabels(), set, nil
	}
}

// indexesOf makes the two indexes that a watch cache has: the trigger picks the watchers that an event concerns, the
// indexer answers lists.
func indexesOf(d *kind.Description) (storage.IndexerFuncs, *cache.Indexers) {
	if len(d.Indexed) == 0 {
		return nil, nil
	}
	triggers, indexers := storage.IndexerFuncs{}, cache.Indexers{}
	for i, path := range d.Indexed {
		value := d.Fields[path]
		if i == 0 { // the library takes one trigger a kind
			triggers[path] = func(obj runtime.Object) string { return value(obj) }
		}
		indexers[storage.FieldIndex(path)] = func(obj any) ([]string, error) { return []string{value(obj.(runtime.Object))}, nil }
	}
	return triggers, &indexers
}
