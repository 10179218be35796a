// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/internal/componentmetrics"
	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/metrics"
	"coxswain.dev/coxswain/scheduler/plugins"
	"coxswain.dev/coxswain/scheduler/profile"
	"coxswain.dev/coxswain/scheduler/queue"
)

// Scheduler is the scheduler.
type Scheduler struct {
	clock    clock.WithTicker
	manager  manager.Manager
	client   kubernetes.Interface
	cache    *cache.Cache
	queue    *queue.Queue
	profiles *profiles
	live     *live
	engine   *engine // the loop's own
	cycles   uint64  // the loop's own
	history  *history
	recorder func(schedulerName string) Recorder
	set      *componentmetrics.Set
	metrics  *metrics.Metrics

	slots   chan struct{} // one taken for each write under way
	writers sync.WaitGroup

	fed   chan struct{} // closed when cache and queue hold what there was at the start
	ready chan struct{}
}

// Recorder is how the scheduler emits events.
type Recorder interface {
	Eventf(regarding, related runtime.Object, kind, reason, action, note string, args ...any)
}

// New builds a scheduler; it does nothing until Start.
func New(cfg Config) (*Scheduler, error) {
	set := newMetrics(cfg)
	restConfig := set.Instrument(cfg.Rest)
	if restConfig.QPS == 0 {
		restConfig.QPS = -1
	}
	mgr, err := newManager(cfg, restConfig)
	if err != nil {
		return nil, err
	}
	protobuf := rest.CopyConfig(restConfig)
	protobuf.ContentType = "application/vnd.kubernetes.protobuf"
	protobuf.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	client, err := kubernetes.NewForConfig(protobuf)
	if err != nil {
		return nil, fmt.Errorf("making the scheduler's client: %w", err)
	}
	var recorders sync.Map // by schedulerName: each has a broadcaster's state behind it
	s, err := assemble(cfg, set, client, func(name string) Recorder {
		if known, ok := recorders.Load(name); ok {
			return known.(Recorder)
		}
		made, _ := recorders.LoadOrStore(name, mgr.GetEventRecorder(name))
		return made.(Recorder)
	})
	if err != nil {
		return nil, err
	}
	s.manager = mgr
	return s, nil
}

// newMetrics makes the metrics of one scheduler. controller-runtime counts in a registry of the process which scheduler leads.
func newMetrics(cfg Config) *componentmetrics.Set {
	config := componentmetrics.Config{Component: componentmetrics.Scheduler}
	if cfg.LeaderElection != nil {
		config.Lease, config.Shared = cfg.LeaderElection.Name, []prometheus.Gatherer{ctrlmetrics.Registry}
	}
	return componentmetrics.New(config)
}

// Gatherer gives what the scheduler's /metrics shows.
func (s *Scheduler) Gatherer() prometheus.Gatherer { return s.set }

// assemble puts together what decides, apart from what connects it to the API server.
func assemble(cfg Config, set *componentmetrics.Set, client kubernetes.Interface, recorder func(schedulerName string) Recorder) (*Scheduler, error) {
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	if cfg.Registry == nil {
		cfg.Registry = plugins.All()
	}
	if cfg.Writers == 0 {
		cfg.Writers = defaultWriters
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	compiler := profile.Compiler{Registry: cfg.Registry, Handle: framework.Handle{Client: client}}
	policies, err := newProfiles(compiler, cfg.Profiles)
	if err != nil {
		return nil, err
	}
	s := &Scheduler{
		clock:    cfg.Clock,
		client:   client,
		recorder: recorder,
		set:      set,
		metrics:  metrics.New(set),
		profiles: policies,
		cache:    cache.New(cache.NewResources()),
		history:  newHistory(),
		slots:    make(chan struct{}, cfg.Writers),
		fed:      make(chan struct{}),
		ready:    make(chan struct{}),
	}
	s.live = newLive(s, compiler)
	s.engine = newEngine(s.cache, rand.New(rand.NewPCG(cfg.Seed, 0)), s.metrics)
	s.queue = queue.New(queue.Config{
		Policy:         policies,
		Clock:          cfg.Clock,
		InitialBackoff: cfg.InitialBackoff,
		MaxBackoff:     cfg.MaxBackoff,
		Metrics:        s.metrics,
	})
	return s, nil
}

func newManager(cfg Config, restConfig *rest.Config) (manager.Manager, error) {
	options := manager.Options{
		Scheme:                 apis.NewClientScheme(),
		NewCache:               cfg.NewCache,
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
	}
	if le := cfg.LeaderElection; le != nil {
		options.LeaderElection = true
		options.LeaderElectionReleaseOnCancel = true
		options.LeaderElectionNamespace, options.LeaderElectionID = le.Namespace, le.Name
		options.LeaseDuration, options.RenewDeadline, options.RetryPeriod = &le.LeaseDuration, &le.RenewDeadline, &le.RetryPeriod
	}
	mgr, err := manager.New(restConfig, options)
	if err != nil {
		return nil, fmt.Errorf("making the scheduler's manager: %w", err)
	}
	return mgr, nil
}

// Ready is closed once the scheduler knows the cluster.
func (s *Scheduler) Ready() <-chan struct{} { return s.ready }

// Start schedules pods until ctx ends.
func (s *Scheduler) Start(ctx context.Context) error {
	for _, part := range []manager.Runnable{always{s.feed}, always{s.live.run}, manager.RunnableFunc(s.loop)} {
		if err := s.manager.Add(part); err != nil {
			return fmt.Errorf("adding a part of the scheduler: %w", err)
		}
	}
	if err := s.manager.Start(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("running the scheduler: %w", err)
	}
	return nil
}

// loop is the one place where decisions are made, and runs on the leader only.
func (s *Scheduler) loop(ctx context.Context) error {
	defer s.writers.Wait()
	select {
	case <-s.fed:
	case <-ctx.Done():
		return nil
	}
	ctrl.LoggerFrom(ctx).V(2).Info("Scheduling")
	for {
		item, ok := s.queue.Pop(ctx)
		if !ok {
			return nil
		}
		s.cycle(ctx, item)
	}
}

// always is a part that runs whether or not this process is the leader.
type always struct {
	run func(context.Context) error
}

// Start implements manager.Runnable.
func (a always) Start(ctx context.Context) error { return a.run(ctx) }

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (always) NeedLeaderElection() bool { return false }
