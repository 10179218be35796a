// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"coxswain.dev/coxswain/internal/bytetimeout"
)

// Config describes a server.
type Config struct {
	// Addresses to listen on, host:port. A port of 0 picks a free one.
	Addresses []string
	// TLS, when set, makes the server speak HTTPS only.
	TLS *tls.Config
	// WriteByteTimeout is how long a client may accept no byte of its answer; zero means bytetimeout.Default.
	WriteByteTimeout time.Duration
	// Handler answers everything, and what follows is not looked at. Nil makes the usual paths.
	Handler http.Handler

	// Health are the kinds of health checks that are answered; nil means healthz, livez and readyz.
	Health []string
	// Live and Ready are asked by /livez (and /healthz) and /readyz.
	Live, Ready []Check
	// Metrics are shown at /metrics; nil shows none, there or at /metrics/slis.
	Metrics prometheus.Gatherer
	// Handlers are further paths, by http.ServeMux pattern.
	Handlers map[string]http.Handler
	// Guard, when set, stands before every path but the health checks.
	Guard *Guard
}

// Server is a lifecycle.Component.
type Server struct {
	config    Config
	listeners []net.Listener
	ready     chan struct{}
}

// New opens the listeners, so that a taken port is found at once, and serves nothing yet.
func New(config Config) (*Server, error) {
	s := &Server{config: config, ready: make(chan struct{})}
	for _, address := range config.Addresses {
		listener, err := listen(address)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.listeners = append(s.listeners, bytetimeout.Listener(listener, config.WriteByteTimeout))
	}
	return s, nil
}

// Listen opens a TCP listener with an error that says what to do about a taken port. Its connections end when their peer
// accepts nothing for bytetimeout.Default.
func Listen(address string) (net.Listener, error) {
	listener, err := listen(address)
	if err != nil {
		return nil, err
	}
	return bytetimeout.Listener(listener, 0), nil
}

func listen(address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w; stop what uses the address or choose another", address, errors.Unwrap(err))
	}
	return listener, nil
}

// Addresses are those that the server listens on, with their real ports.
func (s *Server) Addresses() []string {
	var addresses []string
	for _, listener := range s.listeners {
		addresses = append(addresses, listener.Addr().String())
	}
	return addresses
}

// Ready implements lifecycle.Component.
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Start implements lifecycle.Component.
func (s *Server) Start(ctx context.Context) error {
	server := &http.Server{
		Handler:           bytetimeout.Handler(s.handler(), s.config.WriteByteTimeout),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       90 * time.Second,
		TLSConfig:         s.config.TLS,
		BaseContext:       func(net.Listener) context.Context { return ctx },
	}
	done := make(chan error, len(s.listeners))
	for _, listener := range s.listeners {
		go func() {
			if s.config.TLS != nil {
				done <- server.ServeTLS(listener, "", "")
			} else {
				done <- server.Serve(listener)
			}
		}()
	}
	close(s.ready)
	var failure error
	left := len(s.listeners)
	select {
	case <-ctx.Done():
	case failure = <-done:
		left--
	}
	failure = errors.Join(failure, server.Close())
	for ; left > 0; left-- {
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			failure = errors.Join(failure, err)
		}
	}
	return failure
}

// Close gives the addresses of a server back that was never started.
func (s *Server) Close() error {
	var errs []error
	for _, listener := range s.listeners {
		errs = append(errs, listener.Close())
	}
	return errors.Join(errs...)
}

func (s *Server) handler() http.Handler {
	if s.config.Handler != nil {
		return s.config.Handler
	}
	checks, mux, guarded := NewHealth(), http.NewServeMux(), http.NewServeMux()
	kinds := s.config.Health
	if kinds == nil {
		kinds = []string{"healthz", "livez", "readyz"}
	}
	for _, kind := range kinds {
		asked := s.config.Live
		if kind == "readyz" {
			asked = slices.Concat(s.config.Live, s.config.Ready)
		}
		handler := Methods(checks.Handler(kind, asked...), http.MethodGet, http.MethodHead)
		mux.Handle("/"+kind, handler)
		mux.Handle("/"+kind+"/", handler)
	}
	if s.config.Metrics != nil {
		guarded.Handle("/metrics", Methods(Metrics(s.config.Metrics), http.MethodGet, http.MethodHead))
		guarded.Handle("/metrics/slis", Methods(Metrics(checks.SLIs()), http.MethodGet, http.MethodHead))
	}
	for pattern, handler := range s.config.Handlers {
		guarded.Handle(pattern, handler)
	}
	var inner http.Handler = guarded
	refused := http.NotFoundHandler()
	if s.config.Guard != nil {
		inner, refused = s.config.Guard.Wrap(inner), s.config.Guard.Wrap(refused)
	}
	mux.Handle("/", inner)
	return ExactPaths(mux, refused)
}
