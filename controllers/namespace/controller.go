// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package namespace

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/metadata"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/log"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
	"coxswain.dev/coxswain/controllers/internal/resources"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "namespace-controller"

// Config is what the controller needs.
type Config struct {
	Client    client.Client
	Metadata  metadata.Interface
	Discovery resources.Lister
	Clock     clock.PassiveClock
	// Workers is how many namespaces are emptied at once.
	Workers int
}

// Reconciler reconciles namespaces that are being deleted.
//
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups="",resources=namespaces/finalize;namespaces/status,verbs=update
// +kubebuilder:rbac:groups="*",resources="*",verbs=get;list;delete;deletecollection
type Reconciler struct {
	client    client.Client
	metadata  metadata.Interface
	discovery resources.Lister
	clock     clock.PassiveClock
	workers   int
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	return &Reconciler{client: cfg.Client, metadata: cfg.Metadata, discovery: cfg.Discovery, clock: cfg.Clock, workers: cfg.Workers}
}

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&corev1.Namespace{}, builder.WithPredicates(deletions())).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: r.workers}).
		Complete(requeue.OnConflict(r))
}

// deletions lets through what makes a namespace our business. Our own status updates are not among it: the pace of
// passes is set by Reconcile.
func deletions() predicate.Predicate {
	going := func(obj client.Object) bool { return obj.GetDeletionTimestamp() != nil }
	return predicate.Funcs{
		CreateFunc: func(e event.CreateEvent) bool { return going(e.Object) },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, now := e.ObjectOld.(*corev1.Namespace), e.ObjectNew.(*corev1.Namespace)
			return going(now) && (!going(before) || !slices.Equal(before.Spec.Finalizers, now.Spec.Finalizers))
		},
		DeleteFunc:  func(event.DeleteEvent) bool { return false },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	namespace := &corev1.Namespace{}
	if err := r.client.Get(ctx, req.NamespacedName, namespace); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if namespace.DeletionTimestamp == nil || !slices.Contains(namespace.Spec.Finalizers, corev1.FinalizerKubernetes) {
		return ctrl.Result{}, nil
	}
	found := r.empty(ctx, req.Name)
	if err := r.writeStatus(ctx, namespace, found); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if err := found.err(); err != nil {
		return ctrl.Result{}, fmt.Errorf("emptying namespace %s: %w", req.Name, err)
	}
	if !found.clean() {
		wait := pause(r.clock.Since(namespace.DeletionTimestamp.Time))
		log.FromContext(ctx).V(4).Info("Namespace is not empty yet", "remaining", len(found.remaining), "again", wait)
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	return ctrl.Result{}, r.letGo(ctx, namespace)
}

// pause is how long to wait before the next pass: short at first, since most namespaces empty within moments, and later
// in proportion to how long it has taken already.
func pause(since time.Duration) time.Duration {
	return min(max(since/5, 200*time.Millisecond), 15*time.Second)
}

func (r *Reconciler) writeStatus(ctx context.Context, namespace *corev1.Namespace, found *findings) error {
	updated := namespace.DeepCopy()
	updated.Status.Phase = corev1.NamespaceTerminating
	updated.Status.Conditions = conditions(namespace.Status.Conditions, found, r.clock.Now())
	if equality.Semantic.DeepEqual(updated.Status, namespace.Status) {
		return nil
	}
	if err := r.client.Status().Update(ctx, updated); err != nil {
		return fmt.Errorf("updating the status of namespace %s: %w", namespace.Name, err)
	}
	*namespace = *updated
	return nil
}

// letGo removes our finalizer, upon which the API server removes the namespace.
func (r *Reconciler) letGo(ctx context.Context, namespace *corev1.Namespace) error {
	updated := namespace.DeepCopy()
	updated.Spec.Finalizers = slices.DeleteFunc(updated.Spec.Finalizers, func(f corev1.FinalizerName) bool { return f == corev1.FinalizerKubernetes })
	if err := r.client.SubResource("finalize").Update(ctx, updated); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("finalizing namespace %s: %w", namespace.Name, err)
	}
	return nil
}

// err is what went wrong in a pass, all together.
func (f *findings) err() error {
	return errors.Join(f.discovery, errors.Join(f.deletion...))
}
