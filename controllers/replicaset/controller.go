// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	"context"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"coxswain.dev/coxswain/controllers/internal/adoption"
	"coxswain.dev/coxswain/controllers/internal/expectations"
	"coxswain.dev/coxswain/controllers/internal/index"
	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "replicaset-controller"

var kind = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")

// Config is what the controller needs.
type Config struct {
	Client   client.Client
	Reader   client.Reader // around the cache
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	// Workers is how many sets are reconciled at once.
	Workers int
}

// Reconciler reconciles ReplicaSets.
//
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=get;list;watch;update
// +kubebuilder:rbac:groups=apps,resources=replicasets/status,verbs=update
// +kubebuilder:rbac:groups=apps,resources=replicasets/finalizers,verbs=update
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;create;patch;delete
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch;update
type Reconciler struct {
	client   client.Client
	reader   client.Reader
	recorder record.EventRecorder
	clock    clock.PassiveClock
	workers  int
	pending  *expectations.Store
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	return &Reconciler{
		client: cfg.Client, reader: cfg.Reader, recorder: cfg.Recorder, clock: cfg.Clock, workers: cfg.Workers,
		pending: expectations.New(cfg.Clock),
	}
}

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&appsv1.ReplicaSet{}).
		Watches(&corev1.Pod{}, &podHandler{client: r.client, pending: r.pending}).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: r.workers}).
		Complete(requeue.OnConflict(r))
}

// seen is the snapshot that one pass decides on.
type seen struct {
	set *appsv1.ReplicaSet
	// pods are all that the set controls, whatever their phase.
	pods []*corev1.Pod
	// related are the pods of all sets with the same controller, set's own included; they spread deletions.
	related []*corev1.Pod
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	set := &appsv1.ReplicaSet{}
	if err := r.client.Get(ctx, req.NamespacedName, set); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.pending.Forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if !r.pending.Satisfied(req.NamespacedName) {
		return ctrl.Result{}, nil // our last writes are still in flight; seeing them wakes us again
	}
	snapshot, err := r.observe(ctx, set)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("observing pods of %s: %w", req, err)
	}
	next := makePlan(snapshot)
	failure := r.apply(ctx, snapshot, next)
	wait, err := r.writeStatus(ctx, snapshot, failure)
	return ctrl.Result{RequeueAfter: wait}, errors.Join(failure, err)
}

// observe reads the pods of the set from the cache, after adopting and releasing what has to be.
func (r *Reconciler) observe(ctx context.Context, set *appsv1.ReplicaSet) (seen, error) {
	selector, err := metav1.LabelSelectorAsSelector(set.Spec.Selector)
	if err != nil {
		return seen{}, fmt.Errorf("reading the selector: %w", err)
	}
	candidates, err := r.list(ctx, client.InNamespace(set.Namespace), index.ControlledBy(set.UID))
	if err != nil {
		return seen{}, err
	}
	orphans, err := r.list(ctx, client.InNamespace(set.Namespace), index.Orphans(), client.MatchingLabelsSelector{Selector: selector})
	if err != nil {
		return seen{}, err
	}
	claimer := adoption.Claimer{Client: r.client, Reader: r.reader, Controller: set, Kind: kind, Selector: selector}
	plan := adoption.Decide(set, selector, append(candidates, orphans...), adoptable)
	pods, err := adoption.Claim(ctx, claimer, plan)
	if err != nil {
		return seen{}, err
	}
	result := seen{set: set, pods: pods}
	if countActive(pods) > int(wanted(set)) {
		result.related, err = r.related(ctx, set)
	}
	return result, err
}

// related lists the pods of all sets that have the same controller as set.
func (r *Reconciler) related(ctx context.Context, set *appsv1.ReplicaSet) ([]*corev1.Pod, error) {
	owner := metav1.GetControllerOfNoCopy(set)
	if owner == nil {
		return r.list(ctx, client.InNamespace(set.Namespace), index.ControlledBy(set.UID))
	}
	var sets appsv1.ReplicaSetList
	if err := r.client.List(ctx, &sets, client.InNamespace(set.Namespace), index.ControlledBy(owner.UID), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var all []*corev1.Pod
	for i := range sets.Items {
		pods, err := r.list(ctx, client.InNamespace(set.Namespace), index.ControlledBy(sets.Items[i].UID))
		if err != nil {
			return nil, err
		}
		all = append(all, pods...)
	}
	return all, nil
}

// list returns pods that share their memory with the cache: they must not be changed.
func (r *Reconciler) list(ctx context.Context, opts ...client.ListOption) ([]*corev1.Pod, error) {
	var list corev1.PodList
	if err := r.client.List(ctx, &list, append(opts, client.UnsafeDisableDeepCopy)...); err != nil {
		return nil, err
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	return pods, nil
}

// matching returns the sets in the namespace of pod whose selector matches it.
func matching(ctx context.Context, reader client.Reader, pod *corev1.Pod) ([]*appsv1.ReplicaSet, error) {
	var sets appsv1.ReplicaSetList
	if err := reader.List(ctx, &sets, client.InNamespace(pod.Namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var found []*appsv1.ReplicaSet
	for i := range sets.Items {
		selector, err := metav1.LabelSelectorAsSelector(sets.Items[i].Spec.Selector)
		if err == nil && !selector.Empty() && selector.Matches(labels.Set(pod.Labels)) {
			found = append(found, &sets.Items[i])
		}
	}
	return found, nil
}
