// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/record"
	endpointsliceutil "k8s.io/endpointslice/util"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
	"coxswain.dev/coxswain/controllers/internal/services"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "endpoints-controller"

// Config is what the controller needs.
type Config struct {
	Client   client.Client
	Recorder record.EventRecorder
	// Workers is how many Services are reconciled at once.
	Workers int
}

// Reconciler reconciles the Endpoints of Services.
//
// +kubebuilder:rbac:groups="",resources=services;pods,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=endpoints,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups="",resources=endpoints/restricted,verbs=create
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch;update
type Reconciler struct {
	client   client.Client
	recorder record.EventRecorder
	workers  int
	triggers *endpointsliceutil.TriggerTimeTracker
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	return &Reconciler{
		client: cfg.Client, recorder: cfg.Recorder, workers: cfg.Workers,
		triggers: endpointsliceutil.NewTriggerTimeTracker(),
	}
}

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&corev1.Service{}).
		Watches(&corev1.Pod{}, &services.PodHandler{Reader: r.client}).
		Watches(&corev1.Endpoints{}, &handler.EnqueueRequestForObject{}). //nolint:staticcheck // the kind is old, but this is its controller
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: r.workers}).
		Complete(requeue.OnConflict(r))
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	existing := &corev1.Endpoints{} //nolint:staticcheck // see SetupWithManager
	exists, err := found(r.client.Get(ctx, req.NamespacedName, existing))
	if err != nil {
		return ctrl.Result{}, err
	}
	service := &corev1.Service{}
	if there, err := found(r.client.Get(ctx, req.NamespacedName, service)); err != nil || !there {
		if err == nil {
			r.triggers.DeleteService(req.Namespace, req.Name)
			err = r.removeOurs(ctx, existing, exists)
		}
		return ctrl.Result{}, err
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName || service.Spec.Selector == nil {
		return ctrl.Result{}, nil
	}
	var list corev1.PodList
	if err := r.client.List(ctx, &list, client.InNamespace(req.Namespace), client.MatchingLabels(service.Spec.Selector), client.UnsafeDisableDeepCopy); err != nil {
		return ctrl.Result{}, fmt.Errorf("listing pods of service %s: %w", req, err)
	}
	pods := make([]*corev1.Pod, len(list.Items))
	for i := range list.Items {
		pods[i] = &list.Items[i]
	}
	trigger := r.triggers.ComputeEndpointLastChangeTriggerTime(req.Namespace, service, pods)
	next, changed := makePlan(service, pods, existing, trigger)
	if !changed {
		return ctrl.Result{}, nil
	}
	return ctrl.Result{}, r.write(ctx, service, next, exists)
}

func found(err error) (bool, error) { return err == nil, client.IgnoreNotFound(err) }

// removeOurs deletes Endpoints that this controller made and whose Service is gone.
func (r *Reconciler) removeOurs(ctx context.Context, existing client.Object, exists bool) error {
	if !exists || existing.GetLabels()[labelManagedBy] != managedBy {
		return nil
	}
	uid := existing.GetUID()
	err := r.client.Delete(ctx, existing, client.Preconditions{UID: &uid})
	return client.IgnoreNotFound(err)
}

func (r *Reconciler) write(ctx context.Context, service *corev1.Service, next *corev1.Endpoints, exists bool) error { //nolint:staticcheck // see SetupWithManager
	verb, write := "create", func() error { return r.client.Create(ctx, next) }
	if exists {
		verb, write = "update", func() error { return r.client.Update(ctx, next) }
	}
	err := write()
	switch {
	case err == nil || apierrors.IsConflict(err) || apierrors.IsAlreadyExists(err):
		if apierrors.IsAlreadyExists(err) {
			return nil // the cache is behind; the event of the object wakes us
		}
		return err
	case apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		return nil
	}
	if verb == "create" {
		r.recorder.Eventf(next, corev1.EventTypeWarning, "FailedToCreateEndpoint", "Failed to create endpoint for service %v/%v: %v", service.Namespace, service.Name, err)
	} else {
		r.recorder.Eventf(next, corev1.EventTypeWarning, "FailedToUpdateEndpoint", "Failed to update endpoint %v/%v: %v", service.Namespace, service.Name, err)
	}
	return fmt.Errorf("writing endpoints of service %s/%s: %w", service.Namespace, service.Name, err)
}

// objectMeta is the metadata of new Endpoints.
func objectMeta(service *corev1.Service) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: service.Namespace, Name: service.Name}
}
