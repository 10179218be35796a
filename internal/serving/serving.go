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
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"coxswain.dev/coxswain/internal/bytetimeout"
)

// Check is one named health check; nil means well.
type Check struct {
	Name  string
	Check func(*http.Request) error
}

// Config describes a server.
type Config struct {
	// Addresses to listen on, host:port. A port of 0 picks a free one.
	Addresses []string
	// TLS, when set, makes the server speak HTTPS only.
	TLS *tls.Config
	// Live and Ready are asked by /livez (and /healthz) and /readyz.
	Live, Ready []Check
	// Handlers are further paths, by http.ServeMux pattern.
	Handlers map[string]http.Handler
	// Gatherers are registries that /metrics shows beside the one that all Kubernetes components share.
	Gatherers []prometheus.Gatherer
	// WriteByteTimeout is how long a client may accept no byte of its answer; zero means bytetimeout.Default.
	WriteByteTimeout time.Duration
	// Wrap, when set, stands before every path but the health checks (authentication and authorisation).
	Wrap func(http.Handler) http.Handler
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
	guarded := http.NewServeMux()
	guarded.Handle("/metrics", metricsHandler(s.config.Gatherers))
	for pattern, handler := range s.config.Handlers {
		guarded.Handle(pattern, handler)
	}
	var inner http.Handler = guarded
	if s.config.Wrap != nil {
		inner = s.config.Wrap(inner)
	}
	mux := http.NewServeMux()
	mux.Handle("/", inner)
	mux.Handle("/healthz", health("healthz", s.config.Live))
	mux.Handle("/livez", health("livez", s.config.Live))
	mux.Handle("/readyz", health("readyz", slices.Concat(s.config.Live, s.config.Ready)))
	return mux
}

// health answers as Kubernetes components do: "ok", or with ?verbose or on failure a line a check.
func health(name string, checks []Check) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var lines strings.Builder
		well := true
		for _, check := range checks {
			if err := check.Check(r); err != nil {
				well = false
				fmt.Fprintf(&lines, "[-]%s failed: %v\n", check.Name, err)
				continue
			}
			fmt.Fprintf(&lines, "[+]%s ok\n", check.Name)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, verbose := r.URL.Query()["verbose"]
		switch {
		case !well:
			w.WriteHeader(http.StatusInternalServerError)
			fmt.Fprintf(w, "%s%s check failed\n", &lines, name)
		case verbose:
			fmt.Fprintf(w, "%s%s check passed\n", &lines, name)
		default:
			_, _ = w.Write([]byte("ok")) // a client that has gone away needs no answer
		}
	})
}
