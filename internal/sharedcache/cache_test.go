// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package sharedcache

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache/informertest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// slow is a cache in which pods have been read and nodes have not.
type slow struct {
	informertest.FakeInformers
}

func (s *slow) GetInformer(_ context.Context, obj client.Object, _ ...cache.InformerGetOption) (cache.Informer, error) {
	_, isPod := obj.(*corev1.Pod)
	return &informer{synced: isPod}, nil
}

type informer struct {
	cache.Informer
	synced bool
}

func (i *informer) HasSynced() bool { return i.synced }

func TestAManagerWaitsForItsOwnInformersOnly(t *testing.T) {
	shared := &Cache{cache: &slow{}, ready: make(chan struct{}), indexes: map[string]bool{}}
	for name, c := range map[string]struct {
		obj  client.Object
		want bool
	}{
		"what has been read is not waited for": {&corev1.Pod{}, true},
		"what has not been read is":            {&corev1.Node{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			other, _ := shared.NewCache(nil, cache.Options{})
			if _, err := other.GetInformer(t.Context(), &corev1.Node{}); err != nil {
				t.Fatal(err)
			}
			view, _ := shared.NewCache(nil, cache.Options{})
			if _, err := view.GetInformer(t.Context(), c.obj); err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if got := view.WaitForCacheSync(ctx); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestTheSameIndexMayBeAskedForTwice(t *testing.T) {
	shared := &Cache{cache: &slow{}, ready: make(chan struct{}), indexes: map[string]bool{}}
	value := func(client.Object) []string { return nil }
	for range 2 {
		view, _ := shared.NewCache(nil, cache.Options{})
		if err := view.IndexField(t.Context(), &corev1.Pod{}, "spec.nodeName", value); err != nil {
			t.Fatal(err)
		}
	}
	if len(shared.indexes) != 1 {
		t.Errorf("got %v", shared.indexes)
	}
}
