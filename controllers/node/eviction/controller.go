// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package eviction

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"

	"coxswain.dev/coxswain/controllers/internal/pods"
	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "taint-eviction-controller"

// Config is what the controller needs.
type Config struct {
	Client   client.Client
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
}

// Reconciler reconciles pods on tainted nodes.
//
// +kubebuilder:rbac:groups="",resources=nodes,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups="",resources=pods/status,verbs=patch
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch;update
type Reconciler struct {
	client   client.Client
	recorder record.EventRecorder
	clock    clock.PassiveClock
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	return &Reconciler{client: cfg.Client, recorder: cfg.Recorder, clock: cfg.Clock}
}

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		Watches(&corev1.Pod{}, &podHandler{reader: r.client}).
		Watches(&corev1.Node{}, &nodeHandler{reader: r.client}).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: 8}).
		Complete(requeue.OnConflict(r))
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	pod := &corev1.Pod{}
	if err := r.client.Get(ctx, req.NamespacedName, pod); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if pod.Spec.NodeName == "" || pod.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	node := &corev1.Node{}
	if err := r.client.Get(ctx, types.NamespacedName{Name: pod.Spec.NodeName}, node); err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	at, never := deadline(pod, noExecute(node))
	if never {
		return ctrl.Result{}, nil
	}
	if wait := at.Sub(r.clock.Now()); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	return ctrl.Result{}, r.evict(ctx, pod)
}

// evict says in the pod's status why it goes, which Jobs and people read, and deletes it.
func (r *Reconciler) evict(ctx context.Context, pod *corev1.Pod) error {
	r.recorder.Eventf(pod, corev1.EventTypeNormal, "TaintManagerEviction", "Marking for deletion Pod %s/%s", pod.Namespace, pod.Name)
	updated := pod.DeepCopy()
	condition := corev1.PodCondition{
		Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue, ObservedGeneration: pod.Generation,
		Reason: "DeletionByTaintManager", Message: "Taint manager: deleting due to NoExecute taint",
		LastTransitionTime: metav1.NewTime(r.clock.Now()),
	}
	if existing := pods.Condition(updated, corev1.DisruptionTarget); existing == nil {
		updated.Status.Conditions = append(updated.Status.Conditions, condition)
	} else if existing.Status != corev1.ConditionTrue {
		*existing = condition
	}
	if !equality.Semantic.DeepEqual(updated.Status, pod.Status) {
		if err := r.client.Status().Patch(ctx, updated, client.StrategicMergeFrom(pod)); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("marking pod for eviction: %w", err)
		}
	}
	if err := r.client.Delete(ctx, updated, client.Preconditions{UID: &pod.UID}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("evicting pod: %w", err)
	}
	return nil
}
