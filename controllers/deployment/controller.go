// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package deployment

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
	"coxswain.dev/coxswain/controllers/internal/index"
	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "deployment-controller"

var (
	kind    = appsv1.SchemeGroupVersion.WithKind("Deployment")
	setKind = appsv1.SchemeGroupVersion.WithKind("ReplicaSet")
)

// Config is what the controller needs.
type Config struct {
	Client   client.Client
	Reader   client.Reader // around the cache
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	// Workers is how many deployments are reconciled at once.
	Workers int
}

// Reconciler reconciles Deployments.
//
// +kubebuilder:rbac:groups=apps,resources=deployments,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups=apps,resources=deployments/status,verbs=update
// +kubebuilder:rbac:groups=apps,resources=deployments/finalizers,verbs=update
// +kubebuilder:rbac:groups=apps,resources=replicasets,verbs=get;list;watch;create;update;patch;delete
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch;update
type Reconciler struct {
	client   client.Client
	reader   client.Reader
	recorder record.EventRecorder
	clock    clock.PassiveClock
	workers  int
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	return &Reconciler{client: cfg.Client, reader: cfg.Reader, recorder: cfg.Recorder, clock: cfg.Clock, workers: cfg.Workers}
}

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&appsv1.Deployment{}).
		Watches(&appsv1.ReplicaSet{}, &setHandler{client: r.client}).
		Watches(&corev1.Pod{}, &podHandler{client: r.client}).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: r.workers}).
		Complete(requeue.OnConflict(r))
}

// seen is the snapshot that one pass decides on. The sets are copies that the plan may change.
type seen struct {
	deployment *appsv1.Deployment
	sets       []*appsv1.ReplicaSet
	// pods are those of all sets, ended ones included; only looked up for Recreate.
	pods []*corev1.Pod
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	deployment := &appsv1.Deployment{}
	if err := r.client.Get(ctx, req.NamespacedName, deployment); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if selectsAll(deployment) {
		return ctrl.Result{}, r.refuse(ctx, deployment)
	}
	snapshot, err := r.observe(ctx, deployment)
	if err != nil {
		return ctrl.Result{}, fmt.Errorf("observing replica sets of %s: %w", req, err)
	}
	next := makePlan(snapshot, r.clock.Now())
	err = r.apply(ctx, snapshot, &next)
	if err := errors.Join(err, r.writeStatus(ctx, snapshot, next)); err != nil {
		return ctrl.Result{}, err
	}
	return ctrl.Result{RequeueAfter: next.recheck}, nil
}

// selectsAll: a selector that matches everything would fight with every other deployment of the namespace.
func selectsAll(deployment *appsv1.Deployment) bool {
	selector := deployment.Spec.Selector
	return selector != nil && len(selector.MatchLabels)+len(selector.MatchExpressions) == 0
}

// refuse says why nothing is done.
func (r *Reconciler) refuse(ctx context.Context, deployment *appsv1.Deployment) error {
	r.selectingAll(deployment)
	if deployment.Status.ObservedGeneration >= deployment.Generation {
		return nil
	}
	updated := deployment.DeepCopy()
	updated.Status.ObservedGeneration = deployment.Generation
	return r.client.Status().Update(ctx, updated)
}

// observe reads the sets of the deployment, after adopting and releasing what has to be.
func (r *Reconciler) observe(ctx context.Context, deployment *appsv1.Deployment) (seen, error) {
	selector, err := metav1.LabelSelectorAsSelector(deployment.Spec.Selector)
	if err != nil {
		return seen{}, fmt.Errorf("reading the selector: %w", err)
	}
	owned, err := r.list(ctx, client.InNamespace(deployment.Namespace), index.ControlledBy(deployment.UID))
	if err != nil {
		return seen{}, err
	}
	orphans, err := r.list(ctx, client.InNamespace(deployment.Namespace), index.Orphans(), client.MatchingLabelsSelector{Selector: selector})
	if err != nil {
		return seen{}, err
	}
	claimer := adoption.Claimer{Client: r.client, Reader: r.reader, Controller: deployment, Kind: kind, Selector: selector}
	plan := adoption.Decide(deployment, selector, append(owned, orphans...), adoption.Any[*appsv1.ReplicaSet])
	sets, err := adoption.Claim(ctx, claimer, plan)
	if err != nil {
		return seen{}, err
	}
	result := seen{deployment: deployment, sets: sets}
	if deployment.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType {
		result.pods, err = r.podsOf(ctx, sets)
	}
	return result, err
}

func (r *Reconciler) list(ctx context.Context, opts ...client.ListOption) ([]*appsv1.ReplicaSet, error) {
	var list appsv1.ReplicaSetList
	if err := r.client.List(ctx, &list, opts...); err != nil {
		return nil, err
	}
	sets := make([]*appsv1.ReplicaSet, len(list.Items))
	for i := range list.Items {
		sets[i] = &list.Items[i]
	}
	return sets, nil
}

func (r *Reconciler) podsOf(ctx context.Context, sets []*appsv1.ReplicaSet) ([]*corev1.Pod, error) {
	var pods []*corev1.Pod
	for _, set := range sets {
		var list corev1.PodList
		if err := r.client.List(ctx, &list, client.InNamespace(set.Namespace), index.ControlledBy(set.UID), client.UnsafeDisableDeepCopy); err != nil {
			return nil, err
		}
		for i := range list.Items {
			pods = append(pods, &list.Items[i])
		}
	}
	return pods, nil
}

// matching returns the deployments in the namespace whose selector matches the labels.
func matching(ctx context.Context, reader client.Reader, namespace string, set labels.Set) ([]*appsv1.Deployment, error) {
	var list appsv1.DeploymentList
	if err := reader.List(ctx, &list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy); err != nil {
		return nil, err
	}
	var found []*appsv1.Deployment
	for i := range list.Items {
		selector, err := metav1.LabelSelectorAsSelector(list.Items[i].Spec.Selector)
		if err == nil && !selector.Empty() && selector.Matches(set) {
			found = append(found, &list.Items[i])
		}
	}
	return found, nil
}
