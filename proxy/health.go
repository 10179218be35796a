// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/internal/bytetimeout"
	"coxswain.dev/coxswain/internal/serving"
	"coxswain.dev/coxswain/proxy/state"
)

// staleAfter is how long the rules may fail to follow before the proxy counts
// as unhealthy, and load balancers take the node out.
const staleAfter = time.Minute

// healthServer knows whether the rules keep up with events.
type healthServer struct {
	clock clock.Clock

	mu      sync.Mutex
	last    time.Time // the rules were up to date
	failed  time.Time // since when they are not; zero when they are
	started bool
}

func newHealthServer(clock clock.Clock) *healthServer { return &healthServer{clock: clock} }

func (h *healthServer) updated() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last, h.failed, h.started = h.clock.Now(), time.Time{}, true
}

func (h *healthServer) failing() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.failed.IsZero() {
		h.failed = h.clock.Now()
	}
}

// healthy returns also when the rules were last up to date.
func (h *healthServer) healthy() (bool, time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.started && (h.failed.IsZero() || h.clock.Since(h.failed) < staleAfter), h.last
}

// ServeHTTP answers as kube-proxy's /healthz does.
func (h *healthServer) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	healthy, last := h.healthy()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !healthy {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_, _ = fmt.Fprintf(w, `{"lastUpdated": %q,"currentTime": %q, "nodeEligible": %v}`, last, h.clock.Now(), healthy)
}

// healthPorts serve the health check node ports: a load balancer asks there
// whether this node has endpoints of its own for a Service.
type healthPorts struct {
	proxy *healthServer

	mu      sync.Mutex
	servers map[uint16]*healthPort
}

type healthPort struct {
	server *http.Server
	key    state.Key
	local  int // guarded by healthPorts.mu
}

func newHealthPorts(proxy *healthServer) *healthPorts {
	return &healthPorts{proxy: proxy, servers: map[uint16]*healthPort{}}
}

// obey opens, updates and closes ports as the services say.
func (h *healthPorts) obey(logger klog.Logger, changes []state.Change) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, change := range changes {
		if change.Old != nil && change.Old.HealthCheckPort != 0 &&
			(change.New == nil || change.New.HealthCheckPort != change.Old.HealthCheckPort) {
			h.drop(change.Old.HealthCheckPort)
		}
		if change.New == nil || change.New.HealthCheckPort == 0 {
			continue
		}
		number := change.New.HealthCheckPort
		if h.servers[number] == nil {
			listener, err := serving.Listen(fmt.Sprintf(":%d", number))
			if err != nil {
				logger.Error(err, "Serving a health check node port", "service", klog.KRef(change.Key.Namespace, change.Key.Name))
				continue
			}
			port := &healthPort{key: change.Key}
			port.server = &http.Server{Handler: bytetimeout.Handler(h.handler(port), 0), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
			h.servers[number] = port
			go func() {
				if err := port.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
					logger.Error(err, "Serving a health check node port", "port", number)
				}
			}()
		}
		h.servers[number].local = localEndpoints(change.New)
	}
}

func localEndpoints(service *state.Service) int {
	endpoints := map[state.Endpoint]bool{}
	for i := range service.Ports {
		for _, endpoint := range service.Ports[i].Pools[state.Local] {
			endpoint.Port = 0
			endpoints[endpoint] = true
		}
	}
	return len(endpoints)
}

func (h *healthPorts) handler(port *healthPort) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h.mu.Lock()
		local := port.local
		h.mu.Unlock()
		healthy, _ := h.proxy.healthy()
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("X-Load-Balancing-Endpoint-Weight", fmt.Sprint(local))
		if local == 0 || !healthy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		answer := map[string]any{
			"service":             map[string]string{"namespace": port.key.Namespace, "name": port.key.Name},
			"localEndpoints":      local,
			"serviceProxyHealthy": healthy,
		}
		_ = json.NewEncoder(w).Encode(answer) // a client that has gone away needs no answer
	})
}

// drop is called with the lock held.
func (h *healthPorts) drop(number uint16) {
	if port := h.servers[number]; port != nil {
		_ = port.server.Close()
		delete(h.servers, number)
	}
}

func (h *healthPorts) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for number := range h.servers {
		h.drop(number)
	}
}

// listeners opens the addresses that were configured.
func (p *Proxy) listeners() ([]*serving.Server, error) {
	var servers []*serving.Server
	if p.cfg.MetricsAddress != "" {
		server, err := serving.New(serving.Config{
			Addresses: []string{p.cfg.MetricsAddress},
			Metrics:   p.metrics,
			Ready: []serving.Check{{Name: "rules", Check: func(*http.Request) error {
				if healthy, _ := p.health.healthy(); !healthy {
					return errors.New("the rules are not up to date")
				}
				return nil
			}}},
			Handlers: map[string]http.Handler{"/proxyMode": serving.Methods(http.HandlerFunc(p.serveMode), http.MethodGet)},
		})
		if err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
	return servers, nil
}

// serveMode answers /proxyMode, which needs no rights: anybody on the machine may see which rules there are.
func (p *Proxy) serveMode(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, p.modeName()) // a client that has gone away needs no answer
}

// modeName is the back end's name without waiting for Start.
func (p *Proxy) modeName() string {
	if p.cfg.Mode != "" {
		return p.cfg.Mode
	}
	return Modes()[0]
}

// serveHealthz answers load balancers and people, as kube-proxy does, until
// the context ends.
func (p *Proxy) serveHealthz(ctx context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("/healthz", p.health)
	mux.Handle("/livez", p.health)
	server := &http.Server{Handler: bytetimeout.Handler(mux, 0), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 90 * time.Second}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(p.healthz); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
