// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"reflect"
	"time"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	flowcontrolrequest "k8s.io/apiserver/pkg/util/flowcontrol/request"

	"coxswain.dev/coxswain/apiserver/listbudget"
)

// lists makes the budget for the memory of big lists.
func (b *builder) lists() *listbudget.Budget {
	return listbudget.New(listbudget.Config{
		Stats: b.generic.StorageObjectCountTracker.Get, Size: b.sizeOf, Bytes: b.config.Limits.ListBytes,
	})
}

// sizeOf is the size of the struct of a built-in kind, 0 for other resources.
func (b *builder) sizeOf(resource string) int64 {
	store := b.kinds.store(schema.ParseGroupResource(resource))
	if store == nil {
		return 0
	}
	return int64(reflect.TypeOf(store.NewFunc()).Elem().Size())
}

// countFirst counts the objects of built-in kinds as soon as their caches are filled. The library's first attempt comes
// before that, fails, and is repeated after a minute: just when a server has started, and everybody lists everything, lists
// would cost nothing.
func (b *builder) countFirst() {
	objects, stores := b.generic.StorageObjectCountTracker, b.kinds.stores
	b.parts = append(b.parts, part{name: "object-counts", ready: already, start: func(ctx context.Context) error {
		left := map[schema.GroupResource]*genericregistry.Store{}
		for resource, store := range stores {
			left[resource] = store
		}
		_ = wait.PollUntilContextCancel(ctx, 100*time.Millisecond, true, func(ctx context.Context) (bool, error) {
			for resource, store := range left {
				if store.ReadinessCheck() == nil && count(ctx, objects, resource, store) {
					delete(left, resource)
				}
			}
			return len(left) == 0, nil
		})
		return nil // the context has ended, or all is counted
	}})
}

func count(ctx context.Context, into flowcontrolrequest.StorageObjectCountTracker, resource schema.GroupResource, store *genericregistry.Store) bool {
	stats, err := store.Storage.Stats(ctx)
	if err != nil {
		return false
	}
	into.Set(resource.String(), stats)
	return true
}
