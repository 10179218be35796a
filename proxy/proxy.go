// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"coxswain.dev/coxswain/internal/componentmetrics"
	"coxswain.dev/coxswain/internal/serving"
	"coxswain.dev/coxswain/proxy/dns"
	"coxswain.dev/coxswain/proxy/network"
	"coxswain.dev/coxswain/proxy/state"
)

// Proxy serves one node. Make it with New.
type Proxy struct {
	cfg    Config
	cache  cache.Cache
	health *healthServer
	ports  *healthPorts
	dns    *dns.Server
	http   []*serving.Server

	metrics *componentmetrics.Set
	figures *figures
	// healthz is the listener of the health endpoint, nil when there is none.
	healthz net.Listener

	ready chan struct{}
	wake  chan struct{}

	// backend and what follows belong to the loop once Start runs.
	backend Backend
	synced  time.Time // the last full comparison
	broken  bool      // the kernel refused a change; compare everything
	retry   <-chan time.Time

	// mu guards what events change.
	mu         sync.Mutex
	tracker    *state.Tracker
	nodes      map[string]*corev1.Node
	nodesDirty bool
	addresses  []netip.Addr
}

// New makes a proxy that has not touched anything yet but its listeners.
func New(cfg Config) (*Proxy, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configuring the proxy: %w", err)
	}
	metrics := componentmetrics.New(componentmetrics.Config{Component: componentmetrics.Proxy})
	cfg.Rest = metrics.Instrument(cfg.Rest)
	informers, err := newCache(cfg)
	if err != nil {
		return nil, err
	}
	p := &Proxy{
		cfg:     cfg,
		cache:   informers,
		ready:   make(chan struct{}),
		wake:    make(chan struct{}, 1),
		tracker: state.NewTracker(state.Node{Name: cfg.NodeName}),
		nodes:   map[string]*corev1.Node{},
		metrics: metrics,
		figures: newFigures(metrics),
	}
	p.health = newHealthServer(cfg.Clock)
	p.ports = newHealthPorts(p.health)
	if p.http, err = p.listeners(); err != nil {
		return nil, err
	}
	if cfg.HealthzAddress != "" {
		if p.healthz, err = serving.Listen(cfg.HealthzAddress); err != nil {
			return nil, err
		}
	}
	if cfg.DNS != nil {
		names := *cfg.DNS
		names.Rest, names.Clock, names.NodeName, names.Cache = cfg.Rest, cfg.Clock, cfg.NodeName, informers
		if p.dns, err = dns.New(names); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Ready is closed when the rules are in the kernel for the first time and, if
// the proxy answers names, it does.
func (p *Proxy) Ready() <-chan struct{} { return p.ready }

// Start runs the proxy until the context ends. The rules stay in the kernel:
// connections outlive the proxy. Remove takes them away.
func (p *Proxy) Start(ctx context.Context) (retErr error) {
	if err := network.SetSysctls(); err != nil {
		return fmt.Errorf("preparing the node for services: %w", err)
	}
	if err := p.setConntrack(); err != nil {
		return err
	}
	backend, err := openBackend(p.cfg)
	if err != nil {
		return err
	}
	p.backend = backend
	defer func() { retErr = errors.Join(retErr, p.backend.Close()) }()

	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer p.ports.close()
	defer cancel()
	failed := make(chan error, 8)
	run := func(what string, part func(context.Context) error) {
		running.Go(func() {
			if err := part(ctx); err != nil && ctx.Err() == nil {
				failed <- fmt.Errorf("%s: %w", what, err)
			}
		})
	}
	run("watching the API server", p.cache.Start)
	addresses, err := network.LocalAddresses()
	if err != nil {
		return err
	}
	p.setAddresses(addresses)
	run("watching the node's addresses", func(ctx context.Context) error {
		return network.WatchAddresses(ctx, p.setAddresses)
	})
	if p.cfg.Routes {
		run("watching routes", p.watchRoutes)
	}
	for _, server := range p.http {
		run("serving metrics", server.Start)
	}
	if p.healthz != nil {
		run("serving health", p.serveHealthz)
	}
	names := make(chan struct{})
	if p.dns == nil {
		close(names)
	} else {
		run("answering names", p.dns.Start)
		go func() {
			select {
			case <-p.dns.Ready():
				close(names)
			case <-ctx.Done():
			}
		}()
	}

	lists, err := p.watch(ctx)
	if err != nil {
		return err
	}
	if !synced(ctx, lists) {
		select {
		case err := <-failed:
			return err
		default:
			return nil
		}
	}
	run("keeping the rules", func(ctx context.Context) error { return p.loop(ctx, names) })
	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return err
	}
}

func (p *Proxy) setConntrack() error {
	limits := p.cfg.Conntrack
	maximum := limits.MaxPerCore * runtime.NumCPU()
	if maximum > 0 {
		maximum = max(maximum, limits.Min)
	}
	return network.SetConntrack(maximum, map[string]time.Duration{
		"tcp_timeout_established": limits.TCPEstablished,
		"tcp_timeout_close_wait":  limits.TCPCloseWait,
		"udp_timeout":             limits.UDP,
		"udp_timeout_stream":      limits.UDPStream,
	})
}

// Remove takes everything out of the kernel that a proxy of this configuration
// has put there, running or not.
func Remove(cfg Config) (retErr error) {
	backend, err := openBackend(cfg.withDefaults())
	if err != nil {
		return err
	}
	defer func() { retErr = errors.Join(retErr, backend.Close()) }()
	return backend.Remove()
}
