// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
)

// syncTimeout is how long a reader waits for the first answer about an object.
const syncTimeout = 30 * time.Second

// Cache follows what registered pods refer to. Objects that it returns are shared: they must not be changed.
type Cache struct {
	client  kubernetes.Interface
	changed func(types.UID)
	// stop ends all watches; set by Start's context.
	ctx  context.Context
	stop context.CancelFunc

	mu       sync.Mutex
	pods     map[types.UID]map[Reference]bool
	followed map[Reference]*follower
	running  sync.WaitGroup
}

// follower watches one object for as long as pods refer to it.
type follower struct {
	informer cache.SharedIndexInformer
	stop     context.CancelFunc
	pods     map[types.UID]bool
}

// New returns a cache that calls changed for each pod that refers to an object which was added, changed or removed.
// Watches end with ctx.
func New(ctx context.Context, client kubernetes.Interface, changed func(types.UID)) *Cache {
	return &Cache{client: client, changed: changed, ctx: ctx, pods: map[types.UID]map[Reference]bool{}, followed: map[Reference]*follower{}}
}

// Wait returns when all watches have ended, which they do with New's context.
func (c *Cache) Wait() { c.running.Wait() }

// Register follows what the pod refers to, and no longer what it referred to before.
func (c *Cache) Register(pod *corev1.Pod) { c.set(pod.UID, References(pod)) }

// Unregister ends what only this pod needed.
func (c *Cache) Unregister(uid types.UID) { c.set(uid, nil) }

func (c *Cache) set(uid types.UID, wanted map[Reference]bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for reference := range c.pods[uid] {
		if wanted[reference] {
			continue
		}
		f := c.followed[reference]
		delete(f.pods, uid)
		if len(f.pods) == 0 {
			f.stop()
			delete(c.followed, reference)
		}
	}
	for reference := range wanted {
		f, here := c.followed[reference]
		if !here {
			f = c.follow(reference)
			c.followed[reference] = f
		}
		f.pods[uid] = true
	}
	if len(wanted) == 0 {
		delete(c.pods, uid)
		return
	}
	c.pods[uid] = wanted
}

func (c *Cache) follow(reference Reference) *follower {
	ctx, stop := context.WithCancel(c.ctx)
	var example runtime.Object = &corev1.ConfigMap{}
	if reference.Kind == Secret {
		example = &corev1.Secret{}
	}
	informer := cache.NewSharedIndexInformer(c.listWatch(reference), example, 0, cache.Indexers{})
	f := &follower{informer: informer, stop: stop, pods: map[types.UID]bool{}}
	tell := func() {
		c.mu.Lock()
		uids := make([]types.UID, 0, len(f.pods))
		for uid := range f.pods {
			uids = append(uids, uid)
		}
		c.mu.Unlock()
		for _, uid := range uids {
			c.changed(uid)
		}
	}
	_, _ = informer.AddEventHandler(cache.ResourceEventHandlerDetailedFuncs{ // fails only on a stopped informer
		AddFunc: func(_ any, initial bool) {
			if !initial {
				tell()
			}
		},
		UpdateFunc: func(any, any) { tell() },
		DeleteFunc: func(any) { tell() },
	})
	c.running.Go(func() { informer.RunWithContext(ctx) })
	return f
}

func (c *Cache) listWatch(reference Reference) cache.ListerWatcher {
	only := fields.OneTermEqualSelector("metadata.name", reference.Name).String()
	configMaps, secrets := c.client.CoreV1().ConfigMaps(reference.Namespace), c.client.CoreV1().Secrets(reference.Namespace)
	return cache.ToListWatcherWithWatchListSemantics(&cache.ListWatch{
		ListWithContextFunc: func(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
			options.FieldSelector = only
			if reference.Kind == Secret {
				return secrets.List(ctx, options)
			}
			return configMaps.List(ctx, options)
		},
		WatchFuncWithContext: func(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
			options.FieldSelector = only
			if reference.Kind == Secret {
				return secrets.Watch(ctx, options)
			}
			return configMaps.Watch(ctx, options)
		},
	}, c.client)
}

// ConfigMap returns a ConfigMap that a registered pod refers to, or an apierrors.IsNotFound error.
func (c *Cache) ConfigMap(ctx context.Context, key types.NamespacedName) (*corev1.ConfigMap, error) {
	object, err := c.get(ctx, Reference{ConfigMap, key})
	if err != nil {
		return nil, err
	}
	return object.(*corev1.ConfigMap), nil
}

// Secret returns a Secret that a registered pod refers to, or an apierrors.IsNotFound error.
func (c *Cache) Secret(ctx context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	object, err := c.get(ctx, Reference{Secret, key})
	if err != nil {
		return nil, err
	}
	return object.(*corev1.Secret), nil
}

func (c *Cache) get(ctx context.Context, reference Reference) (any, error) {
	c.mu.Lock()
	f, here := c.followed[reference]
	c.mu.Unlock()
	if !here {
		return nil, fmt.Errorf("no pod of this node refers to %s %s", reference.Kind, reference.NamespacedName)
	}
	ctx, cancel := context.WithTimeout(ctx, syncTimeout)
	defer cancel()
	select {
	case <-f.informer.HasSyncedChecker().Done():
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting for %s %s: %w", reference.Kind, reference.NamespacedName, ctx.Err())
	}
	object, exists, err := f.informer.GetStore().GetByKey(reference.String())
	if err != nil {
		return nil, err
	}
	if !exists {
		// In the singular, as users know it from events of pods.
		kind := schema.GroupResource{Resource: strings.TrimSuffix(string(reference.Kind), "s")}
		return nil, apierrors.NewNotFound(kind, reference.Name)
	}
	return object, nil
}
