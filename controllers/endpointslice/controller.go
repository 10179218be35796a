// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpointslice

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/record"
	endpointslicelib "k8s.io/endpointslice"
	"k8s.io/endpointslice/metrics"
	"k8s.io/endpointslice/topologycache"
	endpointsliceutil "k8s.io/endpointslice/util"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
	"coxswain.dev/coxswain/controllers/internal/services"
)

const (
	// Name is what the controller is called in flags, metrics and events.
	Name = "endpointslice-controller"
	// manager is the value of the managed-by label of our slices.
	manager = "endpointslice-controller.k8s.io"
	// stale is how long to wait for the cache when it lacks slices that were just written.
	stale = 50 * time.Millisecond
)

// Config is what the controller needs.
type Config struct {
	Client    client.Client
	Clientset kubernetes.Interface
	Recorder  record.EventRecorder
	// Workers is how many Services are reconciled at once.
	Workers int
	// MaxEndpoints is the largest number of endpoints in one slice.
	MaxEndpoints int32
}

// Reconciler reconciles the slices of Services.
//
// +kubebuilder:rbac:groups="",resources=services;pods;nodes,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=services/finalizers,verbs=update
// +kubebuilder:rbac:groups=discovery.k8s.io,resources=endpointslices,verbs=get;list;watch;create;update;delete
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch;update
type Reconciler struct {
	client   client.Client
	recorder record.EventRecorder
	workers  int
	slices   *endpointslicelib.Reconciler
	written  *endpointsliceutil.EndpointSliceTracker
	triggers *endpointsliceutil.TriggerTimeTracker
	topology *topologycache.TopologyCache
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	metrics.RegisterMetrics()
	written := endpointsliceutil.NewEndpointSliceTracker()
	topology := topologycache.NewTopologyCache()
	return &Reconciler{
		client: cfg.Client, recorder: cfg.Recorder, workers: cfg.Workers,
		slices: endpointslicelib.NewReconciler(cfg.Clientset, nodeLister{cfg.Client}, cfg.MaxEndpoints, written, topology,
			cfg.Recorder, manager, endpointslicelib.WithPreferSameTrafficDistributionEnabled(true)),
		written:  written,
		triggers: endpointsliceutil.NewTriggerTimeTracker(),
		topology: topology,
	}
}

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&corev1.Service{}).
		Watches(&corev1.Pod{}, &services.PodHandler{Reader: r.client}).
		Watches(&discoveryv1.EndpointSlice{}, &sliceHandler{written: r.written}).
		Watches(&corev1.Node{}, &nodeHandler{reader: r.client, topology: r.topology}).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: r.workers}).
		Complete(requeue.OnConflict(r))
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	service := &corev1.Service{}
	if err := r.client.Get(ctx, req.NamespacedName, service); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.triggers.DeleteService(req.Namespace, req.Name)
			r.slices.DeleteService(req.Namespace, req.Name)
			r.written.DeleteService(req.Namespace, req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err) // the slices follow by garbage collection
	}
	if service.Spec.Type == corev1.ServiceTypeExternalName || service.Spec.Selector == nil {
		return ctrl.Result{}, nil // its endpoints, if any, are someone else's
	}
	snapshot, err := r.observe(ctx, service)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("observing endpoints of %s: %w", req, err)
	}
	if r.written.StaleSlices(service, snapshot.slices) {
		return ctrl.Result{RequeueAfter: stale}, nil
	}
	trigger := r.triggers.ComputeEndpointLastChangeTriggerTime(req.Namespace, service, snapshot.pods)
	if err := r.slices.Reconcile(log.FromContext(ctx), service, snapshot.pods, snapshot.slices, trigger); err != nil {
		r.failed(service, err)
		return ctrl.Result{}, fmt.Errorf("updating endpoint slices of %s: %w", req, err)
	}
	return ctrl.Result{}, nil
}

// seen is the snapshot that one pass decides on. The objects share their memory with the cache.
type seen struct {
	pods   []*corev1.Pod
	slices []*discoveryv1.EndpointSlice
}

func (r *Reconciler) observe(ctx context.Context, service *corev1.Service) (seen, error) {
	var pods corev1.PodList
	var slices discoveryv1.EndpointSliceList
	inNamespace := client.InNamespace(service.Namespace)
	if err := r.client.List(ctx, &pods, inNamespace, client.MatchingLabels(service.Spec.Selector), client.UnsafeDisableDeepCopy); err != nil {
		return seen{}, err
	}
	ours := client.MatchingLabels{discoveryv1.LabelServiceName: service.Name, discoveryv1.LabelManagedBy: manager}
	if err := r.client.List(ctx, &slices, inNamespace, ours, client.UnsafeDisableDeepCopy); err != nil {
		return seen{}, err
	}
	var result seen
	for i := range pods.Items {
		result.pods = append(result.pods, &pods.Items[i])
	}
	for i := range slices.Items {
		if slices.Items[i].DeletionTimestamp == nil {
			result.slices = append(result.slices, &slices.Items[i])
		}
	}
	return result, nil
}

func (r *Reconciler) failed(service *corev1.Service, err error) {
	r.recorder.Eventf(service, corev1.EventTypeWarning, "FailedToUpdateEndpointSlices",
		"Error updating Endpoint Slices for Service %s/%s: %v", service.Namespace, service.Name, err)
}
