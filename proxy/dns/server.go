// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/coredns/coredns/core/dnsserver"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/client-go/kubernetes"

	"coxswain.dev/coxswain/internal/bytetimeout"
	"coxswain.dev/coxswain/internal/componentmetrics"
	"coxswain.dev/coxswain/internal/serving"
)

// Server answers names on one node. Make it with New.
type Server struct {
	cfg       Config
	records   *source
	others    *upstreams
	chain     *dnsserver.Server
	publisher *publisher
	stream    net.Listener
	datagrams net.PacketConn
	figures   net.Listener
	ready     chan struct{}
}

// New opens the sockets, so that a taken port is found at once, and answers
// nothing yet.
func New(cfg Config) (_ *Server, retErr error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, fmt.Errorf("configuring DNS: %w", err)
	}
	s := &Server{
		cfg:     cfg,
		records: newSource(cfg.Cache, func() int64 { return cfg.Clock.Now().Unix() }),
		others:  &upstreams{clock: cfg.Clock, file: cfg.ResolvConf, own: []netip.Addr{cfg.Address, cfg.ClusterIP}},
		ready:   make(chan struct{}),
	}
	clients, err := kubernetes.NewForConfig(cfg.Rest)
	if err != nil {
		return nil, fmt.Errorf("making a client for DNS: %w", err)
	}
	s.publisher = newPublisher(cfg, clients)
	if s.chain, err = newChain(cfg, s.records, s.others); err != nil {
		return nil, err
	}
	defer func() {
		if retErr != nil {
			s.close()
		}
	}()
	address := netip.AddrPortFrom(cfg.Address, cfg.Port).String()
	if s.stream, err = serving.Listen(address); err != nil {
		return nil, fmt.Errorf("answering names: %w", err)
	}
	if s.datagrams, err = net.ListenPacket("udp", address); err != nil {
		return nil, fmt.Errorf("answering names: listening on UDP %s: %w; stop what uses the address or choose another", address, errors.Unwrap(err))
	}
	if s.figures, err = serving.Listen(netip.AddrPortFrom(cfg.Address, cfg.MetricsPort).String()); err != nil {
		return nil, fmt.Errorf("serving metrics of DNS: %w", err)
	}
	return s, nil
}

func (s *Server) close() {
	for _, socket := range []interface{ Close() error }{s.stream, s.datagrams, s.figures} {
		if socket != nil {
			_ = socket.Close()
		}
	}
}

// Ready is closed when names are answered and the Service is published.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// reloadPeriod is how often the node's resolv.conf is read again.
const reloadPeriod = 30 * time.Second

// Start answers until the context ends.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	failed := make(chan error, 4)
	run := func(part func() error) {
		running.Go(func() {
			if err := part(); err != nil && ctx.Err() == nil {
				failed <- err
			}
		})
	}
	if err := s.records.prepare(ctx, s.publisher.heard); err != nil {
		s.close()
		return fmt.Errorf("watching for DNS: %w", err)
	}
	s.others.reload()
	defer s.others.close()
	run(func() error { return s.chain.Serve(s.stream) })
	run(func() error { return s.chain.ServePacket(s.datagrams) })
	metrics := &http.Server{Handler: bytetimeout.Handler(figuresHandler(), 0), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
	run(func() error { return metrics.Serve(s.figures) })
	run(func() error { s.publisher.run(ctx, s.records.HasSynced, s.ready); return nil })
	reload := s.cfg.Clock.NewTicker(reloadPeriod)
	defer reload.Stop()
	var failure error
	for failure == nil && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case failure = <-failed:
			failure = fmt.Errorf("answering names: %w", failure)
		case <-reload.C():
			s.others.reload()
		}
	}
	cancel()
	s.stop(metrics)
	return failure
}

// stop closes the sockets under the servers; DNS has no connections worth
// waiting for.
func (s *Server) stop(metrics *http.Server) {
	_ = metrics.Close()
	s.close()
}

// figuresHandler serves what CoreDNS's plugins count. They do so in the process's default registry, as etcd does.
func figuresHandler() http.Handler {
	metrics := componentmetrics.New(componentmetrics.Config{
		Component: componentmetrics.DNS, Shared: []prometheus.Gatherer{prometheus.DefaultGatherer},
	})
	mux := http.NewServeMux()
	mux.Handle("/metrics", serving.Methods(serving.Metrics(metrics), http.MethodGet))
	return mux
}
