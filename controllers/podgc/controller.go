// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podgc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"coxswain.dev/coxswain/controllers/internal/index"
	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

const (
	// Name is what the controller is called in flags, metrics and events.
	Name = "pod-garbage-collector-controller"
	// quarantine is how long a node must be missing.
	quarantine = 40 * time.Second
	// countPause is how often ended pods are counted at most.
	countPause = 20 * time.Second
)

// request is one thing to look at.
type request struct {
	subject subject
	// key names a node (name only) or a pod; it is empty for ended pods.
	key types.NamespacedName
}

type subject string

const (
	missingNode subject = "missing node"
	leavingPod  subject = "leaving pod"
	endedPods   subject = "ended pods"
)

type queue = workqueue.TypedRateLimitingInterface[request]

// Config is what the controller needs.
type Config struct {
	Client client.Client
	Reader client.Reader // around the cache
	Clock  clock.PassiveClock
	// Threshold is how many ended pods are kept; 0 keeps all.
	Threshold int
}

// Reconciler deletes pods.
//
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch;delete
// +kubebuilder:rbac:groups="",resources=pods/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=nodes,verbs=get;list;watch
type Reconciler struct {
	client    client.Client
	reader    client.Reader
	clock     clock.PassiveClock
	threshold int

	mu sync.Mutex
	// missing is since when nodes are missing; guarded by mu.
	missing map[string]time.Time
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	return &Reconciler{client: cfg.Client, reader: cfg.Reader, clock: cfg.Clock, threshold: cfg.Threshold, missing: map[string]time.Time{}}
}

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	c, err := controller.NewTyped(Name, mgr, controller.TypedOptions[request]{
		Reconciler: requeue.OnConflict(r), MaxConcurrentReconciles: 2, NewQueue: queues.New[request],
	})
	if err != nil {
		return err
	}
	var podHandler handler.TypedEventHandler[*corev1.Pod, request] = &podEvents{r}
	var nodeHandler handler.TypedEventHandler[*corev1.Node, request] = &nodeEvents{r.client}
	return errors.Join(
		c.Watch(source.TypedKind(mgr.GetCache(), &corev1.Pod{}, podHandler)),
		c.Watch(source.TypedKind(mgr.GetCache(), &corev1.Node{}, nodeHandler)),
		c.Watch(source.TypedFunc[request](func(_ context.Context, q queue) error {
			if r.threshold > 0 {
				q.AddAfter(request{subject: endedPods}, countPause)
			}
			return nil
		})),
	)
}

// Reconcile implements reconcile.TypedReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req request) (ctrl.Result, error) {
	switch req.subject {
	case missingNode:
		return r.node(ctx, req.key.Name)
	case leavingPod:
		return ctrl.Result{}, r.leaving(ctx, req.key)
	default:
		return ctrl.Result{RequeueAfter: countPause}, r.ended(ctx)
	}
}

// node deletes the pods of a node that is gone for good.
func (r *Reconciler) node(ctx context.Context, name string) (ctrl.Result, error) {
	node := &corev1.Node{}
	err := r.client.Get(ctx, types.NamespacedName{Name: name}, node)
	if err == nil {
		r.back(name)
		return ctrl.Result{}, nil
	}
	if !apierrors.IsNotFound(err) {
		return ctrl.Result{}, err
	}
	if wait := r.missingSince(name).Add(quarantine).Sub(r.clock.Now()); wait > 0 {
		return ctrl.Result{RequeueAfter: wait}, nil
	}
	if err := r.reader.Get(ctx, types.NamespacedName{Name: name}, node); !apierrors.IsNotFound(err) {
		if err == nil {
			r.back(name)
		}
		return ctrl.Result{}, err
	}
	var pods corev1.PodList
	if err := r.client.List(ctx, &pods, index.OnNode(name), client.UnsafeDisableDeepCopy); err != nil {
		return ctrl.Result{}, fmt.Errorf("listing pods of node %s: %w", name, err)
	}
	var errs []error
	for i := range pods.Items {
		errs = append(errs, r.fail(ctx, &pods.Items[i], "PodGC: node no longer exists"))
	}
	if err := errors.Join(errs...); err != nil {
		return ctrl.Result{}, fmt.Errorf("deleting pods of node %s: %w", name, err)
	}
	r.back(name)
	return ctrl.Result{}, nil
}

func (r *Reconciler) missingSince(name string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	since, known := r.missing[name]
	if !known {
		since = r.clock.Now()
		r.missing[name] = since
	}
	return since
}

func (r *Reconciler) back(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.missing, name)
}

// leaving deletes a pod that has been told to end and has nobody to do it.
func (r *Reconciler) leaving(ctx context.Context, key types.NamespacedName) error {
	pod := &corev1.Pod{}
	if err := r.client.Get(ctx, key, pod); err != nil {
		return client.IgnoreNotFound(err)
	}
	if pod.DeletionTimestamp == nil {
		return nil
	}
	if pod.Spec.NodeName == "" {
		return r.delete(ctx, pod)
	}
	node := &corev1.Node{}
	if err := r.client.Get(ctx, types.NamespacedName{Name: pod.Spec.NodeName}, node); err != nil {
		return client.IgnoreNotFound(err)
	}
	if !outOfService(node) {
		return nil
	}
	return r.fail(ctx, pod, "PodGC: node is out of service")
}
