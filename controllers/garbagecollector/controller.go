// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package garbagecollector

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"k8s.io/utils/lru"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
	"coxswain.dev/coxswain/controllers/internal/resources"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "garbage-collector-controller"

// unknownKind is how long to wait before looking again at an object whose owner is of a kind that is not served.
const unknownKind = 30 * time.Second

// Config is what the controller needs.
type Config struct {
	Metadata  metadata.Interface
	Discovery resources.Lister
	Mapper    meta.RESTMapper
	Cache     cache.Cache
	Recorder  record.EventRecorder
	Clock     clock.WithTicker
	// Workers is how many objects are judged at once.
	Workers int
}

// Reconciler judges the objects that its monitors put into the queue.
//
// +kubebuilder:rbac:groups="*",resources="*",verbs=get;list;watch;patch;update;delete
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch;update
type Reconciler struct {
	metadata metadata.Interface
	mapper   meta.RESTMapper
	recorder record.EventRecorder
	workers  int
	graph    *graph
	// gone has owners that the API server said are not there, as coordinates.
	gone *lru.Cache
	// complete is held for reading while judging, and for writing while the graph is known to lack resources.
	complete sync.RWMutex
	monitors *monitors
	// queue is set before anything can be put into it, by the source.
	queue queue
}

type queue = workqueue.TypedRateLimitingInterface[types.UID]

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	r := &Reconciler{
		metadata: cfg.Metadata, mapper: cfg.Mapper, recorder: cfg.Recorder, workers: cfg.Workers, graph: newGraph(), gone: lru.New(1000),
	}
	r.monitors = newMonitors(cfg, r.graph, &r.complete, r.wake)
	return r
}

// SetupWithManager adds the controller and its monitors to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	c, err := controller.NewTyped(Name, mgr, controller.TypedOptions[types.UID]{
		MaxConcurrentReconciles: r.workers,
		Reconciler:              requeue.OnConflict(r),
		NewQueue:                queues.New[types.UID],
	})
	if err != nil {
		return err
	}
	start := source.TypedFunc[types.UID](func(_ context.Context, q queue) error {
		r.queue = q
		close(r.monitors.begin)
		return nil
	})
	if err := c.Watch(start); err != nil {
		return err
	}
	return mgr.Add(r.monitors)
}

func (r *Reconciler) wake(uids []types.UID) {
	for _, uid := range uids {
		r.queue.Add(uid)
	}
}

// Reconcile implements reconcile.TypedReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, uid types.UID) (ctrl.Result, error) {
	r.complete.RLock()
	defer r.complete.RUnlock()
	o := r.graph.get(uid)
	switch {
	case o == nil:
		return ctrl.Result{}, nil
	case o.deleting && o.orphaning:
		return ctrl.Result{}, r.orphan(ctx, o)
	case o.deleting && o.foreground:
		return ctrl.Result{}, r.await(ctx, o)
	case o.deleting || r.graph.settled(o):
		return ctrl.Result{}, nil
	}
	return r.decide(ctx, o)
}

// await removes the finalizer of an object in foreground deletion when no dependent blocks it, and otherwise sees to it
// that those that do are judged.
func (r *Reconciler) await(ctx context.Context, o *object) error {
	blocked := false
	for _, dependent := range r.graph.dependentsOf(o.uid) {
		if !blockedBy(dependent, o.uid) {
			continue
		}
		blocked = true
		if !(dependent.deleting && dependent.foreground) {
			r.queue.Add(dependent.uid)
		}
	}
	if blocked {
		return nil // the removal of the last one wakes us
	}
	return r.removeFinalizer(ctx, o, metav1.FinalizerDeleteDependents)
}

// decide judges an object from a fresh copy and carries the verdict out.
func (r *Reconciler) decide(ctx context.Context, o *object) (ctrl.Result, error) {
	latest, err := r.read(ctx, o)
	if err != nil || latest == nil {
		return ctrl.Result{}, err
	}
	fates := map[types.UID]fate{}
	for _, ref := range latest.OwnerReferences {
		fates[ref.UID], err = r.fateOf(ctx, o, ref)
		if meta.IsNoMatchError(err) {
			log.FromContext(ctx).V(2).Info("Owner is of a kind that is not served", "object", o.name, "namespace", o.namespace, "owner", ref.Kind)
			return ctrl.Result{RequeueAfter: unknownKind}, nil
		}
		if err != nil {
			return ctrl.Result{}, err
		}
	}
	dependents := r.graph.dependentsOf(o.uid)
	return ctrl.Result{}, r.carryOut(ctx, o, latest, judge(latest.OwnerReferences, fates, latest.Finalizers, dependents))
}

// read returns the object from the API server; nil when it is gone or replaced.
func (r *Reconciler) read(ctx context.Context, o *object) (*metav1.PartialObjectMetadata, error) {
	latest, err := r.metadata.Resource(o.resource).Namespace(o.namespace).Get(ctx, o.name, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		return nil, nil // its delete event is on the way
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s %s/%s: %w", o.kind.Kind, o.namespace, o.name, err)
	}
	if latest.UID != o.uid {
		return nil, nil
	}
	return latest, nil
}

// fateOf finds out about an owner: from the graph when it is there, and from the API server before it counts as absent.
func (r *Reconciler) fateOf(ctx context.Context, o *object, ref metav1.OwnerReference) (fate, error) {
	if owner := r.graph.get(ref.UID); owner != nil && fits(owner, ref, o.namespace) && !owner.deleting {
		return solid, nil
	}
	key := coordinates{ref.APIVersion, ref.Kind, ref.Name, o.namespace, ref.UID}
	if _, known := r.gone.Get(key); known {
		return absent, nil
	}
	mapping, err := r.mapping(ref)
	if err != nil {
		return solid, err
	}
	namespace := ""
	if mapping.Scope.Name() == meta.RESTScopeNameNamespace {
		if o.namespace == "" {
			r.reportClusterScoped(o, ref)
			return solid, nil // such an owner can't be found, nor shown to be gone
		}
		namespace = o.namespace
	}
	owner, err := r.metadata.Resource(mapping.Resource).Namespace(namespace).Get(ctx, ref.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err) || err == nil && owner.UID != ref.UID:
		r.gone.Add(key, nil)
		if elsewhere := r.graph.get(ref.UID); elsewhere != nil {
			r.reportMisplaced(o, ref)
		}
		return absent, nil
	case err != nil:
		return solid, fmt.Errorf("reading owner %s %s/%s: %w", ref.Kind, namespace, ref.Name, err)
	case owner.DeletionTimestamp != nil && slices.Contains(owner.Finalizers, metav1.FinalizerDeleteDependents):
		return waiting, nil
	}
	return solid, nil
}

// coordinates name an owner as a dependent does.
type coordinates struct {
	apiVersion, kind, name, namespace string
	uid                               types.UID
}

func (r *Reconciler) carryOut(ctx context.Context, o *object, latest *metav1.PartialObjectMetadata, v verdict) error {
	if !v.remove {
		if len(v.drop) == 0 {
			return nil
		}
		return r.dropOwners(ctx, o, latest, v.drop)
	}
	if v.unblock {
		if err := r.unblockOwners(ctx, o, latest); err != nil {
			return err
		}
		return r.delete(ctx, o, "", v.propagation) // the version has just changed by our own hand
	}
	return r.delete(ctx, o, latest.ResourceVersion, v.propagation)
}

// orphan takes the reference to o from all its dependents and then the finalizer from o.
func (r *Reconciler) orphan(ctx context.Context, o *object) error {
	dependents := r.graph.dependentsOf(o.uid)
	errs := make([]error, len(dependents))
	var wg sync.WaitGroup
	slots := make(chan struct{}, 10)
	for i, dependent := range dependents {
		wg.Add(1)
		slots <- struct{}{}
		go func() {
			defer func() { <-slots; wg.Done() }()
			errs[i] = r.release(ctx, dependent, o.uid)
		}()
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("orphaning dependents of %s %s/%s: %w", o.kind.Kind, o.namespace, o.name, err)
	}
	return r.removeFinalizer(ctx, o, metav1.FinalizerOrphanDependents)
}
