// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated

import (
	"context"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/nodeagent/status"
)

// workers is how many pods and nodes are looked at at a time; nearly all of that is waiting for the API server.
const workers = 16

// key of the queue: a node by name, or a pod by UID.
type key struct {
	node string
	pod  types.UID
}

// Simulator runs simulated nodes. Make it with New.
type Simulator struct {
	config    Config
	client    kubernetes.Interface
	ready     chan struct{}
	queue     workqueue.TypedDelayingInterface[key]
	statuses  *status.Writer
	addresses *addresses
	cache     cache.Cache

	mu sync.Mutex
	// pods and nodes are guarded by mu; so are the fields of their entries that say so.
	pods  map[types.UID]*podEntry
	nodes map[string]*nodeEntry
	// missing is how many nodes have yet to be registered for the first time; guarded by mu.
	missing int
}

// New checks config and reaches for nothing yet.
func New(config Config) (*Simulator, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	client, err := kubernetes.NewForConfig(clientConfig(config.Rest))
	if err != nil {
		return nil, fmt.Errorf("making the client of simulated nodes: %w", err)
	}
	s := &Simulator{
		config: config, client: client, ready: make(chan struct{}), statuses: status.New(client), addresses: newAddresses(config.PodCIDR),
		pods: map[types.UID]*podEntry{}, nodes: map[string]*nodeEntry{},
	}
	for i, name := range config.Names {
		if s.nodes[name] != nil {
			return nil, fmt.Errorf("two simulated nodes are called %q", name)
		}
		s.nodes[name] = &nodeEntry{name: name, share: float64(i) / float64(len(config.Names))}
	}
	s.missing = len(s.nodes)
	return s, nil
}

// clientConfig is for many small writes: in the compact format, and not throttled, since the nodes pace themselves.
func clientConfig(config *rest.Config) *rest.Config {
	config = rest.CopyConfig(config)
	config.QPS = -1
	if config.ContentType == "" {
		config.ContentType = runtime.ContentTypeProtobuf
		config.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	}
	return config
}

// Ready is closed when all nodes are registered and Ready.
func (s *Simulator) Ready() <-chan struct{} { return s.ready }

// Start runs the nodes until ctx ends. Nodes and pods stay in the API; the next run takes them over.
func (s *Simulator) Start(ctx context.Context) error {
	ctx = klog.NewContext(ctx, klog.FromContext(ctx).WithName("simulated"))
	var err error
	if s.cache, err = s.newCache(); err != nil {
		return err
	}
	s.queue = workqueue.NewTypedDelayingQueueWithConfig(workqueue.TypedDelayingQueueConfig[key]{Clock: s.config.Clock})
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.cache.Start(ctx) })
	group.Go(func() error { return s.statuses.Start(ctx) })
	group.Go(func() error { return s.watch(ctx) })
	for range workers {
		group.Go(func() error { s.work(ctx); return nil })
	}
	group.Go(func() error { <-ctx.Done(); s.queue.ShutDown(); return nil })
	for _, name := range s.config.Names {
		s.queue.Add(key{node: name})
	}
	return group.Wait()
}

func (s *Simulator) newCache() (cache.Cache, error) {
	made, err := s.config.NewCache(s.config.Rest, cache.Options{
		Scheme: apis.NewClientScheme(),
		DefaultTransform: func(object any) (any, error) {
			if object, is := object.(client.Object); is {
				object.SetManagedFields(nil)
			}
			return object, nil
		},
	})
	if err != nil {
		return nil, fmt.Errorf("making the informers of simulated nodes: %w", err)
	}
	return made, nil
}

// watch hands over what the API says about our nodes and their pods.
func (s *Simulator) watch(ctx context.Context) error {
	nodes, err := s.cache.GetInformer(ctx, &corev1.Node{})
	if err == nil {
		_, err = nodes.AddEventHandler(handler(s.nodeSeen, s.nodeGone))
	}
	if err != nil {
		return ended(ctx, fmt.Errorf("watching nodes: %w", err))
	}
	pods, err := s.cache.GetInformer(ctx, &corev1.Pod{})
	if err == nil {
		_, err = pods.AddEventHandler(handler(s.podSeen, s.podGone))
	}
	return ended(ctx, err)
}

// ended drops the errors of a watch that was asked to end.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

func handler[T any](seen, gone func(T)) toolscache.ResourceEventHandler {
	call := func(f func(T), object any) {
		if object, is := object.(T); is {
			f(object)
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(object any) { call(seen, object) },
		UpdateFunc: func(_, object any) { call(seen, object) },
		DeleteFunc: func(object any) {
			if last, is := object.(toolscache.DeletedFinalStateUnknown); is {
				object = last.Obj
			}
			call(gone, object)
		},
	}
}

func (s *Simulator) work(ctx context.Context) {
	for {
		k, over := s.queue.Get()
		if over {
			return
		}
		var again time.Duration
		if k.node != "" {
			again = s.syncNode(ctx, k.node)
		} else {
			again = s.syncPod(ctx, k.pod)
		}
		s.queue.Done(k)
		if again > 0 && ctx.Err() == nil {
			s.queue.AddAfter(k, again)
		}
	}
}

// parsePrefix returns an invalid prefix for what is none.
func parsePrefix(text string) netip.Prefix {
	prefix, err := netip.ParsePrefix(text)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
