// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package serviceaccount

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"coxswain.dev/coxswain/controllers/internal/queues"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "serviceaccount-controller"

// Config is what the controller needs.
type Config struct {
	Client client.Client
	// Names are the accounts of every namespace; none means "default".
	Names []string
	// Workers is how many namespaces are reconciled at once.
	Workers int
}

// Reconciler reconciles namespaces.
//
// +kubebuilder:rbac:groups="",resources=namespaces,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=serviceaccounts,verbs=get;list;watch;create
type Reconciler struct {
	client  client.Client
	names   []string
	workers int
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	names := cfg.Names
	if len(names) == 0 {
		names = []string{"default"}
	}
	return &Reconciler{client: cfg.Client, names: names, workers: cfg.Workers}
}

// SetupWithManager adds the controller to mgr. Of accounts only the metadata is cached.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	toNamespace := handler.EnqueueRequestsFromMapFunc(func(_ context.Context, obj client.Object) []reconcile.Request {
		return []reconcile.Request{{NamespacedName: types.NamespacedName{Name: obj.GetNamespace()}}}
	})
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&corev1.Namespace{}).
		WatchesMetadata(&corev1.ServiceAccount{}, toNamespace).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: r.workers}).
		Complete(r)
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	namespace := &corev1.Namespace{}
	if err := r.client.Get(ctx, req.NamespacedName, namespace); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if namespace.DeletionTimestamp != nil || namespace.Status.Phase == corev1.NamespaceTerminating {
		return ctrl.Result{}, nil
	}
	var errs []error
	for _, name := range r.names {
		errs = append(errs, r.ensure(ctx, types.NamespacedName{Namespace: req.Name, Name: name}))
	}
	return ctrl.Result{}, errors.Join(errs...)
}

func (r *Reconciler) ensure(ctx context.Context, key types.NamespacedName) error {
	existing := &metav1.PartialObjectMetadata{}
	existing.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("ServiceAccount"))
	err := r.client.Get(ctx, key, existing)
	if !apierrors.IsNotFound(err) {
		return err
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}}
	err = r.client.Create(ctx, account)
	if err == nil || apierrors.IsAlreadyExists(err) || apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) || apierrors.IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("creating service account %s: %w", key, err)
}
