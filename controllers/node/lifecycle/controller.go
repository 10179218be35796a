// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"context"
	"fmt"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/client-go/tools/record"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/component-helpers/node/topology"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

// Name is what the controller is called in flags, metrics and events.
const Name = "node-lifecycle-controller"

// Settings are the numbers that users may choose.
type Settings struct {
	MonitorPeriod, GracePeriod, StartupGracePeriod              time.Duration
	EvictionRate, SecondaryEvictionRate, UnhealthyZoneThreshold float32
	LargeClusterSize                                            int
}

// Config is what the controller needs.
type Config struct {
	Client   client.Client
	Recorder record.EventRecorder
	Clock    clock.WithTicker
	Settings Settings
}

// Reconciler reconciles nodes.
//
// +kubebuilder:rbac:groups="",resources=nodes,verbs=get;list;watch;patch
// +kubebuilder:rbac:groups="",resources=nodes/status,verbs=update
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups="",resources=pods/status,verbs=patch
// +kubebuilder:rbac:groups=coordination.k8s.io,resources=leases,verbs=get;list;watch
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch;update
type Reconciler struct {
	client   client.Client
	recorder record.EventRecorder
	clock    clock.WithTicker
	settings Settings
	health   *health
	gate     *gate

	mu sync.Mutex
	// zones is the last count of nodes and counted its time; guarded by mu.
	zones   map[string]zone
	counted time.Time
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	return &Reconciler{
		client: cfg.Client, recorder: cfg.Recorder, clock: cfg.Clock, settings: cfg.Settings,
		health: newHealth(), gate: newGate(cfg.Clock),
	}
}

// SetupWithManager adds the controller to mgr.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&corev1.Node{}).
		Watches(&coordinationv1.Lease{}, r.leaseHandler()).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: 8}).
		Complete(requeue.OnConflict(r))
}

// leaseHandler notes renewals and wakes nobody: a node is looked at when its grace period would end, and then the noted
// time tells that it has not.
func (r *Reconciler) leaseHandler() handler.EventHandler {
	note := func(obj client.Object) {
		if obj.GetNamespace() == corev1.NamespaceNodeLease {
			r.health.lease(obj.(*coordinationv1.Lease), r.clock.Now())
		}
	}
	return handler.Funcs{
		CreateFunc: func(_ context.Context, e event.CreateEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			note(e.Object)
		},
		UpdateFunc: func(_ context.Context, e event.UpdateEvent, _ workqueue.TypedRateLimitingInterface[reconcile.Request]) {
			note(e.ObjectNew)
		},
	}
}

// Reconcile implements reconcile.Reconciler.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	node := &corev1.Node{}
	if err := r.client.Get(ctx, req.NamespacedName, node); err != nil {
		if client.IgnoreNotFound(err) == nil && r.health.forget(req.Name) {
			r.removed(req.Name)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	now := r.clock.Now()
	heard, isNew := r.health.node(node, now)
	if isNew {
		r.registered(node)
	}
	wait, err := r.judge(ctx, node, heard, now)
	if err != nil {
		return ctrl.Result{}, client.IgnoreNotFound(err) // a node that has just gone
	}
	again, err := r.taint(ctx, node, now)
	if err != nil {
		return ctrl.Result{}, err
	}
	if again > 0 && (wait == 0 || again < wait) {
		wait = again
	}
	return ctrl.Result{RequeueAfter: wait}, nil
}

// judge declares a node silent when its grace period is over, and otherwise returns when that would be.
func (r *Reconciler) judge(ctx context.Context, node *corev1.Node, heard, now time.Time) (time.Duration, error) {
	grace := r.settings.GracePeriod
	if condition(node, corev1.NodeReady) == nil {
		grace = r.settings.StartupGracePeriod
	}
	if left := heard.Add(grace).Sub(now); left > 0 {
		return left, nil
	}
	wasReady := condition(node, corev1.NodeReady)
	if conditions := silence(node, now); conditions != nil {
		updated := node.DeepCopy()
		updated.Status.Conditions = conditions
		if err := r.client.Status().Update(ctx, updated); err != nil {
			return 0, fmt.Errorf("declaring node %s silent: %w", node.Name, err)
		}
		*node = *updated
		if wasReady != nil && wasReady.Status == corev1.ConditionTrue {
			r.notReady(node)
			r.health.setUnmarked(node.Name, true)
		}
	}
	if r.health.isUnmarked(node.Name) {
		if err := r.markPods(ctx, node, now); err != nil {
			return 0, err
		}
		r.health.setUnmarked(node.Name, false)
	}
	return r.settings.MonitorPeriod, nil
}

// taint brings the taints in line with conditions and, for NoExecute, with the rate of the zone. It returns when to ask
// the gate again.
func (r *Reconciler) taint(ctx context.Context, node *corev1.Node, now time.Time) (time.Duration, error) {
	noExecute, again := wantedNoExecute(node), time.Duration(0)
	if noExecute != "" {
		pass, wait, err := r.mayEvict(ctx, node, now)
		if err != nil {
			return 0, err
		}
		if again = wait; !pass {
			noExecute = ""
		}
	}
	wanted := taints(node, noExecute, now)
	if equality.Semantic.DeepEqual(wanted, node.Spec.Taints) {
		return again, nil
	}
	updated := node.DeepCopy()
	updated.Spec.Taints = wanted
	err := r.client.Patch(ctx, updated, client.MergeFromWithOptions(node, client.MergeFromWithOptimisticLock{}))
	if client.IgnoreNotFound(err) != nil {
		return 0, fmt.Errorf("tainting node %s: %w", node.Name, err)
	}
	return again, nil
}

// mayEvict reports whether the pods of a node may be evicted now and after how long to ask again. A node once let through
// stays so, unless all evictions are halted.
func (r *Reconciler) mayEvict(ctx context.Context, node *corev1.Node, now time.Time) (bool, time.Duration, error) {
	zones, err := r.zonesNow(ctx, now)
	if err != nil {
		return false, 0, err
	}
	if halted(zones, r.settings) {
		return false, r.settings.MonitorPeriod, nil
	}
	if evicting(node) {
		return true, 0, nil
	}
	key := topology.GetZoneKey(node)
	pass, wait := r.gate.pass(key, rate(zones[key], r.settings), r.settings.MonitorPeriod)
	return pass, wait, nil
}

// zonesNow counts the nodes of all zones, at most once a second: when thousands of nodes are gone each of them asks.
func (r *Reconciler) zonesNow(ctx context.Context, now time.Time) (map[string]zone, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.zones != nil && now.Sub(r.counted) < time.Second {
		return r.zones, nil
	}
	var nodes corev1.NodeList
	if err := r.client.List(ctx, &nodes, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing nodes: %w", err)
	}
	r.zones, r.counted = countZones(nodes.Items), now
	return r.zones, nil
}
