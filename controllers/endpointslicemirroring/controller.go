// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpointslicemirroring

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

const (
	// Name is what the controller is called in flags, metrics and events.
	Name = "endpointslice-mirroring-controller"
	// manager is the value of the managed-by label of our slices.
	manager = "endpointslicemirroring-controller.k8s.io"
)

// Config is what the controller needs.
type Config struct {
	Client client.Client
	// Workers is how many Endpoints are reconciled at once.
	Workers int
}

// Reconciler reconciles the mirrored slices of Endpoints.
//
// +kubebuilder:rbac:groups="",resources=services;endpoints,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=endpoints/finalizers,verbs=update
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=get;list;watch;create;update;delete
type Reconciler struct {
	client  client.Client
	workers int
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler { return &Reconciler{client: cfg.Client, workers: cfg.Workers} }

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&corev1.Endpoints{}). //nolint:staticcheck // the kind is old, but this is what it is about
		Watches(&corev1.Service{}, &handler.EnqueueRequestForObject{}).
		Watches(&discoveryv1.EndpointSlice{}, handler.EnqueueRequestsFromMapFunc(fromSlice)).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: r.workers}).
		Complete(requeue.OnConflict(r))
}

func fromSlice(_ context.Context, slice client.Object) []reconcile.Request {
	name := slice.GetLabels()[discoveryv1.LabelServiceName]
	if name == "" || slice.GetLabels()[discoveryv1.LabelManagedBy] != manager {
		return nil
	}
	return []reconcile.Request{{NamespacedName: types.NamespacedName{Namespace: slice.GetNamespace(), Name: name}}}
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	endpoints, service := &corev1.Endpoints{}, &corev1.Service{} //nolint:staticcheck // see SetupWithManager
	for _, obj := range []client.Object{endpoints, service} {
		if err := r.client.Get(ctx, req.NamespacedName, obj); client.IgnoreNotFound(err) != nil {
			return ctrl.Result{}, err
		}
	}
	var list discoveryv1.EndpointSliceList
	ours := client.MatchingLabels{discoveryv1.LabelServiceName: req.Name, discoveryv1.LabelManagedBy: manager}
	if err := r.client.List(ctx, &list, client.InNamespace(req.Namespace), ours, client.UnsafeDisableDeepCopy); err != nil {
		return ctrl.Result{}, fmt.Errorf("listing mirrored slices of %s: %w", req, err)
	}
	var wanted []*discoveryv1.EndpointSlice
	if mirrored(endpoints, service) {
		wanted = mirror(endpoints)
	}
	if err := r.apply(ctx, wanted, list.Items); err != nil {
		return ctrl.Result{}, fmt.Errorf("mirroring endpoints %s: %w", req, err)
	}
	return ctrl.Result{}, nil
}

// apply makes the slices that are there those that are wanted.
func (r *Reconciler) apply(ctx context.Context, wanted []*discoveryv1.EndpointSlice, there []discoveryv1.EndpointSlice) error {
	existing := map[string]*discoveryv1.EndpointSlice{}
	for i := range there {
		existing[there[i].Name] = &there[i]
	}
	var errs []error
	for _, slice := range wanted {
		before := existing[slice.Name]
		delete(existing, slice.Name)
		switch {
		case before == nil:
			err := r.client.Create(ctx, slice)
			if !apierrors.IsAlreadyExists(err) && !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
				errs = append(errs, err)
			}
		case !same(before, slice):
			slice.ResourceVersion, slice.UID = before.ResourceVersion, before.UID
			errs = append(errs, r.client.Update(ctx, slice))
		}
	}
	for _, extra := range existing {
		errs = append(errs, client.IgnoreNotFound(r.client.Delete(ctx, extra.DeepCopy(), client.Preconditions{UID: &extra.UID})))
	}
	return errors.Join(errs...)
}

func same(a, b *discoveryv1.EndpointSlice) bool {
	return equality.Semantic.DeepEqual(a.Endpoints, b.Endpoints) && equality.Semantic.DeepEqual(a.Ports, b.Ports) &&
		equality.Semantic.DeepEqual(a.Labels, b.Labels) && equality.Semantic.DeepEqual(a.Annotations, b.Annotations) &&
		equality.Semantic.DeepEqual(a.OwnerReferences, b.OwnerReferences)
}
