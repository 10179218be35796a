// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"context"
	"errors"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/record"
	"k8s.io/component-base/metrics/legacyregistry"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/controllers/internal/index"
	"coxswain.dev/coxswain/controllers/internal/queues"
	"coxswain.dev/coxswain/internal/componentmetrics"
)

// Manager runs the controllers. It is made by New.
type Manager struct {
	cfg     Config
	ready   chan struct{}
	metrics *componentmetrics.Set
}

// New checks the configuration. Nothing runs, and the API server is not asked, before Start.
func New(cfg Config) (*Manager, error) {
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configuring controllers: %w", err)
	}
	if cfg.Clock == nil {
		cfg.Clock = clock.RealClock{}
	}
	metrics := newMetrics(cfg)
	cfg.Rest = metrics.Instrument(cfg.Rest)
	cfg.Rest.QPS, cfg.Rest.RateLimiter = -1, nil
	// Warnings are for people; that Endpoints are deprecated we know.
	cfg.Rest.WarningHandler, cfg.Rest.WarningHandlerWithContext = rest.NoWarnings{}, nil
	if cfg.Rest.UserAgent == "" {
		cfg.Rest.UserAgent = "coxswain-controllers"
	}
	return &Manager{cfg: cfg, ready: make(chan struct{}), metrics: metrics}, nil
}

// Ready returns a channel that is closed when the controllers have been started, or stand by for the leader.
func (m *Manager) Ready() <-chan struct{} { return m.ready }

// Gatherer gives what the controller manager's /metrics shows.
func (m *Manager) Gatherer() prometheus.Gatherer { return m.metrics }

// newMetrics makes the metrics of one manager. What controllers and their queues count, and what k8s.io/endpointslice does,
// is one a process.
func newMetrics(cfg Config) *componentmetrics.Set {
	config := componentmetrics.Config{
		Component: componentmetrics.ControllerManager,
		Shared:    []prometheus.Gatherer{metrics.Registry, legacyregistry.DefaultGatherer},
	}
	if cfg.LeaderElection != nil {
		config.Lease = cfg.LeaderElection.Name
	}
	set := componentmetrics.New(config)
	set.Include(queues.Gatherer())
	return set
}

// Start runs the controllers until ctx ends.
func (m *Manager) Start(ctx context.Context) error {
	mgr, err := ctrl.NewManager(m.cfg.Rest, m.options(ctx))
	if err != nil {
		return fmt.Errorf("making the controller manager: %w", err)
	}
	if err := index.Add(ctx, mgr.GetFieldIndexer()); err != nil {
		return err
	}
	s, err := newSetup(m.cfg, mgr)
	if err != nil {
		return err
	}
	if err := s.add(); err != nil {
		return err
	}
	if err := mgr.Add(m.announce(mgr)); err != nil {
		return err
	}
	if err := mgr.Start(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("running controllers: %w", err)
	}
	return nil
}

// standby is a runnable that also runs on managers that are not the leader.
type standby struct {
	manager.RunnableFunc
}

// NeedLeaderElection implements manager.LeaderElectionRunnable.
func (standby) NeedLeaderElection() bool { return false }

// announce says when the manager is ready: its caches run.
func (m *Manager) announce(mgr ctrl.Manager) manager.Runnable {
	return standby{func(ctx context.Context) error {
		if mgr.GetCache().WaitForCacheSync(ctx) {
			close(m.ready)
		}
		<-ctx.Done()
		return nil
	}}
}

func (m *Manager) options(ctx context.Context) ctrl.Options {
	options := ctrl.Options{
		Scheme:   apis.NewClientScheme(),
		NewCache: m.cfg.NewCache,
		Cache:    cache.Options{DefaultTransform: cache.TransformStripManagedFields()},
		Logger:   klog.FromContext(ctx).WithName("controllers"),
		Metrics:  server.Options{BindAddress: "0"},
		Controller: config.Controller{
			// Names need only be unique within one manager, and many clusters may live in one process.
			SkipNameValidation: ptr.To(true),
		},
		BaseContext: func() context.Context { return context.WithoutCancel(ctx) },
	}
	if election := m.cfg.LeaderElection; election != nil {
		options.LeaderElection = true
		options.LeaderElectionNamespace, options.LeaderElectionID = election.Namespace, election.Name
		options.LeaseDuration, options.RenewDeadline, options.RetryPeriod = &election.Lease, &election.RenewDeadline, &election.Period
		options.LeaderElectionReleaseOnCancel = true
	}
	return options
}

// setup is what the constructors in the list get to work with.
type setup struct {
	cfg       Config
	mgr       ctrl.Manager
	clientset kubernetes.Interface
	metadata  metadata.Interface
}

func newSetup(cfg Config, mgr ctrl.Manager) (*setup, error) {
	clientset, err := kubernetes.NewForConfigAndClient(protobuf(mgr.GetConfig()), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	metadataClient, err := metadata.NewForConfigAndClient(metadata.ConfigFor(mgr.GetConfig()), mgr.GetHTTPClient())
	if err != nil {
		return nil, fmt.Errorf("making a metadata client: %w", err)
	}
	return &setup{cfg: cfg, mgr: mgr, clientset: clientset, metadata: metadataClient}, nil
}

// protobuf is for clients of built-in kinds only.
func protobuf(cfg *rest.Config) *rest.Config {
	copied := rest.CopyConfig(cfg)
	copied.ContentType = "application/vnd.kubernetes.protobuf"
	copied.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return copied
}

func (s *setup) client() client.Client   { return s.mgr.GetClient() }
func (s *setup) reader() client.Reader   { return s.mgr.GetAPIReader() }
func (s *setup) clock() clock.WithTicker { return s.cfg.Clock }

// recorder makes core/v1 events, the form that Kubernetes' own controllers write and kubectl describes best.
func (s *setup) recorder(name string) record.EventRecorder {
	return s.mgr.GetEventRecorderFor(name) //nolint:staticcheck // the newer form lacks the counts and messages users know
}

// add sets up the controllers that were chosen.
func (s *setup) add() error {
	for _, entry := range list() {
		if !chosen(s.cfg.Controllers, entry) {
			continue
		}
		if err := entry.add(s); err != nil {
			return fmt.Errorf("setting up %s: %w", entry.name, err)
		}
	}
	return nil
}
