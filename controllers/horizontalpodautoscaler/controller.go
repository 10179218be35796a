// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package horizontalpodautoscaler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	autoscalingv1 "k8s.io/api/autoscaling/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/scale"
	"k8s.io/client-go/tools/record"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"

	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/controllers/internal/requeue"
)

// Name is what the controller is called in flags and metrics; events carry the shorter name that Kubernetes gives them.
const (
	Name      = "horizontal-pod-autoscaler-controller"
	EventName = "horizontal-pod-autoscaler"
)

// Settings are the numbers that users may choose.
type Settings struct {
	SyncPeriod, DownscaleStabilization             time.Duration
	Tolerance                                      float64
	CPUInitializationPeriod, InitialReadinessDelay time.Duration
}

// Config is what the controller needs.
type Config struct {
	Client   client.Client
	Reader   client.Reader // around the cache: metrics can't be watched
	Scales   scale.ScalesGetter
	Mapper   meta.RESTMapper
	Recorder record.EventRecorder
	Clock    clock.PassiveClock
	Settings Settings
	// Workers is how many autoscalers are reconciled at once.
	Workers int
}

// Reconciler reconciles HorizontalPodAutoscalers.
//
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers,verbs=get;list;watch
// +kubebuilder:rbac:groups=autoscaling,resources=horizontalpodautoscalers/status,verbs=update
// +kubebuilder:rbac:groups="*",resources="*/scale",verbs=get;update
// +kubebuilder:rbac:groups="",resources=pods,verbs=get;list;watch
// +kubebuilder:rbac:groups=metrics.k8s.io,resources=pods,verbs=list
// +kubebuilder:rbac:groups="";events.k8s.io,resources=events,verbs=create;patch;update
type Reconciler struct {
	client   client.Client
	reader   client.Reader
	scales   scale.ScalesGetter
	mapper   meta.RESTMapper
	recorder record.EventRecorder
	clock    clock.PassiveClock
	settings Settings
	workers  int

	mu sync.Mutex
	// memories is guarded by mu; each value is used by one Reconcile at a time.
	memories map[types.NamespacedName]memory
}

// New returns a Reconciler that has yet to be set up.
func New(cfg Config) *Reconciler {
	return &Reconciler{
		client: cfg.Client, reader: cfg.Reader, scales: cfg.Scales, mapper: cfg.Mapper, recorder: cfg.Recorder, clock: cfg.Clock,
		settings: cfg.Settings, workers: cfg.Workers, memories: map[types.NamespacedName]memory{},
	}
}

// SetupWithManager adds the controller to mgr. Our own status updates wake nobody.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	changed := predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, now := e.ObjectOld.(*autoscalingv2.HorizontalPodAutoscaler), e.ObjectNew.(*autoscalingv2.HorizontalPodAutoscaler)
		return !equality.Semantic.DeepEqual(before.Spec, now.Spec)
	}}
	return ctrl.NewControllerManagedBy(mgr).Named(Name).
		For(&autoscalingv2.HorizontalPodAutoscaler{}, builder.WithPredicates(changed)).
		WithOptions(controller.Options{NewQueue: queues.New[ctrl.Request], MaxConcurrentReconciles: r.workers}).
		Complete(requeue.OnConflict(r))
}

// Reconcile implements reconcile.Reconciler. It comes again after every period, also after an error: that a metric is
// not there is told in the conditions, and trying faster would not bring it.
func (r *Reconciler) Reconcile(ctx context.Context, req ctrl.Request) (ctrl.Result, error) {
	hpa := &autoscalingv2.HorizontalPodAutoscaler{}
	if err := r.client.Get(ctx, req.NamespacedName, hpa); err != nil {
		if client.IgnoreNotFound(err) == nil {
			r.forget(req.NamespacedName)
		}
		return ctrl.Result{}, client.IgnoreNotFound(err)
	}
	if hpa.DeletionTimestamp != nil {
		return ctrl.Result{}, nil
	}
	p := &pass{hpa: hpa, status: *hpa.Status.DeepCopy(), now: r.clock.Now(), memory: r.remembered(req.NamespacedName)}
	p.status.ObservedGeneration = &hpa.Generation
	failure := r.scale(ctx, p)
	r.remember(req.NamespacedName, p.memory)
	if err := errors.Join(r.writeStatus(ctx, p)); err != nil {
		return ctrl.Result{}, err
	}
	if failure != nil {
		ctrl.LoggerFrom(ctx).V(2).Info("Autoscaling is held up", "err", failure)
	}
	return ctrl.Result{RequeueAfter: r.settings.SyncPeriod}, nil
}

// pass is one look at one autoscaler.
type pass struct {
	hpa    *autoscalingv2.HorizontalPodAutoscaler
	status autoscalingv2.HorizontalPodAutoscalerStatus
	now    time.Time
	memory memory
}

// scale looks up the present size, decides on the next, and changes it.
func (r *Reconciler) scale(ctx context.Context, p *pass) error {
	current, resource, err := r.current(ctx, p.hpa)
	if err != nil {
		p.set(autoscalingv2.AbleToScale, false, "FailedGetScale", fmt.Sprintf("the HPA controller was unable to get the target's current scale: %v", err))
		r.warn(p.hpa, "FailedGetScale", err.Error())
		return err
	}
	p.set(autoscalingv2.AbleToScale, true, "SucceededGetScale", "the HPA controller was able to get the target's current scale")
	if p.memory.recommendations == nil {
		p.memory.recommendations = []recommendation{{current.Spec.Replicas, p.now}}
	}
	d, err := r.decide(ctx, p, current)
	p.status.CurrentReplicas = current.Spec.Replicas
	if err != nil && !d.valid {
		return err
	}
	p.status.DesiredReplicas, p.status.CurrentMetrics = current.Spec.Replicas, d.metrics
	if !d.rescale || d.replicas == current.Spec.Replicas {
		if !d.rescale {
			p.status.DesiredReplicas = d.replicas
		}
		return err
	}
	return errors.Join(err, r.rescale(ctx, p, current, resource, d))
}

func (r *Reconciler) rescale(ctx context.Context, p *pass, current *autoscalingv1.Scale, resource resourceName, d decision) error {
	from := current.Spec.Replicas
	if err := r.resize(ctx, p.hpa, current, resource, d.replicas); err != nil {
		p.set(autoscalingv2.AbleToScale, false, "FailedUpdateScale", fmt.Sprintf("the HPA controller was unable to update the target scale: %v", err))
		r.warn(p.hpa, "FailedRescale", fmt.Sprintf("New size: %d; reason: %s; error: %v", d.replicas, d.reason, err))
		return fmt.Errorf("scaling %s %s: %w", p.hpa.Spec.ScaleTargetRef.Kind, p.hpa.Spec.ScaleTargetRef.Name, err)
	}
	p.set(autoscalingv2.AbleToScale, true, "SucceededRescale", fmt.Sprintf("the HPA controller was able to update the target scale to %d", d.replicas))
	r.rescaled(p.hpa, d.replicas, d.reason)
	up, down := rules(p.hpa, r.settings.DownscaleStabilization)
	p.memory = p.memory.scaled(from, d.replicas, up, down, p.now)
	p.status.DesiredReplicas, p.status.LastScaleTime = d.replicas, metaTime(p.now)
	return nil
}

func (r *Reconciler) remembered(key types.NamespacedName) memory {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.memories[key]
}

func (r *Reconciler) remember(key types.NamespacedName, m memory) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.memories[key] = m
}

func (r *Reconciler) forget(key types.NamespacedName) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.memories, key)
}
