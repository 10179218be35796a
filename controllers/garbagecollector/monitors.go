// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package garbagecollector

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"coxswain.dev/coxswain/controllers/internal/resources"
)

const (
	// settle is how long to wait after a change of what is served before asking.
	settle = 100 * time.Millisecond
	// safety is how often to ask when nothing has changed, for groups that could not be asked before.
	safety = 2 * time.Minute
	// syncTimeout is how long a new resource may take to be listed before the others are judged without it.
	syncTimeout = 15 * time.Second
)

// trailing is when to ask again after a change, since discovery trails behind the objects that change it.
var trailing = []time.Duration{time.Second, 5 * time.Second}

// ignored resources own nothing and are owned by nothing, and change all the time.
var ignored = map[schema.GroupResource]bool{
	{Resource: "events"}: true, {Group: "events.k8s.io", Resource: "events"}: true,
}

// shared are the kinds that other controllers cache in full anyway: watching their metadata as well would be a second
// watch for nothing.
func shared(kind schema.GroupVersionKind) client.Object {
	switch kind {
	case corev1.SchemeGroupVersion.WithKind("Pod"):
		return &corev1.Pod{}
	case corev1.SchemeGroupVersion.WithKind("Node"):
		return &corev1.Node{}
	case corev1.SchemeGroupVersion.WithKind("Service"):
		return &corev1.Service{}
	case corev1.SchemeGroupVersion.WithKind("Namespace"):
		return &corev1.Namespace{}
	case corev1.SchemeGroupVersion.WithKind("Endpoints"):
		return &corev1.Endpoints{} //nolint:staticcheck // watched in full by its controller
	case discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"):
		return &discoveryv1.EndpointSlice{}
	case appsv1.SchemeGroupVersion.WithKind("ReplicaSet"):
		return &appsv1.ReplicaSet{}
	case appsv1.SchemeGroupVersion.WithKind("Deployment"):
		return &appsv1.Deployment{}
	case coordinationv1.SchemeGroupVersion.WithKind("Lease"):
		return &coordinationv1.Lease{}
	case autoscalingv2.SchemeGroupVersion.WithKind("HorizontalPodAutoscaler"):
		return &autoscalingv2.HorizontalPodAutoscaler{}
	case certificatesv1.SchemeGroupVersion.WithKind("CertificateSigningRequest"):
		return &certificatesv1.CertificateSigningRequest{}
	case rbacv1.SchemeGroupVersion.WithKind("ClusterRole"):
		return &rbacv1.ClusterRole{}
	}
	return nil
}

// monitors watch every resource and feed the graph. It is a runnable of the manager.
type monitors struct {
	discovery resources.Lister
	cache     cache.Cache
	clock     clock.WithTicker
	graph     *graph
	complete  *sync.RWMutex
	wake      func([]types.UID)
	// begin is closed when the queue is there.
	begin chan struct{}
	// changed is sent to when something that changes what is served was seen.
	changed chan struct{}
	// again are the next pauses, and running has the resources watched; only Start's goroutine touches it.
	again   []time.Duration
	running map[schema.GroupVersionResource]*monitor
}

type monitor struct {
	resource     resources.Resource
	target       client.Object
	registration toolscache.ResourceEventHandlerRegistration
}

func newMonitors(cfg Config, graph *graph, complete *sync.RWMutex, wake func([]types.UID)) *monitors {
	return &monitors{
		discovery: cfg.Discovery, cache: cfg.Cache, clock: cfg.Clock, graph: graph, complete: complete, wake: wake,
		begin: make(chan struct{}), changed: make(chan struct{}, 1), running: map[schema.GroupVersionResource]*monitor{},
	}
}

// Start implements manager.Runnable. Nothing is judged before the first list of resources has been watched.
func (m *monitors) Start(ctx context.Context) error {
	m.complete.Lock()
	select {
	case <-m.begin:
	case <-ctx.Done():
		m.complete.Unlock()
		return nil
	}
	for first := true; ; first = false {
		if !first {
			m.complete.Lock()
		}
		m.sync(ctx)
		m.complete.Unlock()
		if !m.next(ctx) {
			return nil
		}
	}
}

// next waits for a reason to ask again; it returns false when the context has ended.
func (m *monitors) next(ctx context.Context) bool {
	wait := safety
	if len(m.again) > 0 {
		wait, m.again = m.again[0], m.again[1:]
	}
	for {
		timer := m.clock.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-timer.C():
			return true
		case <-m.changed:
			timer.Stop()
			wait, m.again = settle, trailing
		}
	}
}

// sync starts monitors for what is served and stops those for what no longer is. It is called with complete held when
// that changes anything that matters; a failure is tried again by the next round.
func (m *monitors) sync(ctx context.Context) {
	logger := log.FromContext(ctx).WithValues("controller", Name)
	list, err := resources.List(m.discovery, "delete", "list", "watch")
	var failure *resources.Failure
	if errors.As(err, &failure) {
		logger.V(2).Info("Some API groups can't be asked; what they hold is left alone", "err", err)
	} else if err != nil {
		logger.Error(err, "Discovering resources")
		m.hurry()
		return
	}
	served := map[schema.GroupVersionResource]bool{}
	var started []*monitor
	for _, resource := range list {
		if ignored[resource.GroupResource()] {
			continue
		}
		served[resource.GroupVersionResource] = true
		if m.running[resource.GroupVersionResource] != nil {
			continue
		}
		started = append(started, m.start(ctx, resource)...)
	}
	for gvr, monitor := range m.running {
		if !served[gvr] && (failure == nil || !failure.Missing(gvr.Group)) {
			m.stop(ctx, monitor)
		}
	}
	m.await(ctx, started)
	if len(started) > 0 {
		logger.V(2).Info("Watching resources", "new", len(started), "all", len(m.running), "objects", m.graph.size())
	}
}

// hurry makes the next round come soon.
func (m *monitors) hurry() {
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *monitors) start(ctx context.Context, resource resources.Resource) []*monitor {
	target := shared(resource.GVK())
	if target == nil {
		partial := &metav1.PartialObjectMetadata{}
		partial.SetGroupVersionKind(resource.GVK())
		target = partial
	}
	informer, err := m.cache.GetInformer(ctx, target, cache.BlockUntilSynced(false))
	if err != nil {
		log.FromContext(ctx).Error(err, "Watching a resource", "resource", resource.GroupVersionResource)
		return nil
	}
	registration, err := informer.AddEventHandler(m.handler(resource))
	if err != nil {
		log.FromContext(ctx).Error(err, "Watching a resource", "resource", resource.GroupVersionResource)
		return nil
	}
	started := &monitor{resource: resource, target: target, registration: registration}
	m.running[resource.GroupVersionResource] = started
	return []*monitor{started}
}

func (m *monitors) stop(ctx context.Context, monitor *monitor) {
	delete(m.running, monitor.resource.GroupVersionResource)
	m.graph.drop(monitor.resource.GroupVersionResource)
	if _, ours := monitor.target.(*metav1.PartialObjectMetadata); ours {
		if err := m.cache.RemoveInformer(ctx, monitor.target); err != nil {
			log.FromContext(ctx).Error(err, "Stopping a watch", "resource", monitor.resource.GroupVersionResource)
		}
	}
}

// await waits until the graph has all objects of new monitors, or for syncTimeout.
func (m *monitors) await(ctx context.Context, started []*monitor) {
	deadline := m.clock.NewTimer(syncTimeout)
	defer deadline.Stop()
	tick := m.clock.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		started = slices.DeleteFunc(slices.Clone(started), func(s *monitor) bool { return s.registration.HasSynced() })
		if len(started) == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-deadline.C():
			for _, late := range started {
				log.FromContext(ctx).Info("A resource can't be listed; going on without it", "resource", late.resource.GroupVersionResource)
			}
			return
		case <-tick.C():
		}
	}
}

func (m *monitors) handler(resource resources.Resource) toolscache.ResourceEventHandler {
	defines := definesResources[resource.GroupResource()]
	observe := func(obj any) {
		if o := toObject(obj, resource); o != nil {
			m.wake(m.graph.observe(o))
		}
		if defines {
			m.hurry()
		}
	}
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    observe,
		UpdateFunc: func(_, obj any) { observe(obj) },
		DeleteFunc: func(obj any) {
			if tombstone, ok := obj.(toolscache.DeletedFinalStateUnknown); ok {
				obj = tombstone.Obj
			}
			if accessor, err := meta.Accessor(obj); err == nil {
				m.wake(m.graph.remove(accessor.GetUID()))
			}
			if defines {
				m.hurry()
			}
		},
	}
}

// definesResources are the resources whose objects change what is served.
var definesResources = map[schema.GroupResource]bool{
	{Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions"}: true,
	{Group: "apiregistration.k8s.io", Resource: "apiservices"}:             true,
}

// toObject takes from an object what the graph keeps.
func toObject(obj any, resource resources.Resource) *object {
	accessor, err := meta.Accessor(obj)
	if err != nil {
		return nil
	}
	return &object{
		uid: accessor.GetUID(), kind: resource.GVK(), resource: resource.GroupVersionResource,
		namespace: accessor.GetNamespace(), name: accessor.GetName(), owners: accessor.GetOwnerReferences(),
		deleting:   accessor.GetDeletionTimestamp() != nil,
		foreground: slices.Contains(accessor.GetFinalizers(), metav1.FinalizerDeleteDependents),
		orphaning:  slices.Contains(accessor.GetFinalizers(), metav1.FinalizerOrphanDependents),
	}
}
