// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/apiserver/metricsapi"
	"coxswain.dev/coxswain/internal/componentmetrics"
)

// Server is an API server.
type Server struct {
	config  Config
	ready   chan struct{}
	metrics *componentmetrics.Set

	// handler is the whole chain of filters and servers; set once it can take requests.
	handler  atomic.Pointer[http.Handler]
	handling chan struct{}
	chain    atomic.Pointer[chain]

	mu      sync.Mutex
	address net.Addr // guarded by mu
}

// New makes a server of config, which must be valid (see options.Validate). It opens and starts nothing.
func New(config Config) (*Server, error) {
	if config.Groups == nil {
		config.Groups = apis.Groups()
	}
	config.Groups = withForeign(append(slices.Clone(config.Groups), metricsapi.Group()))
	if config.Clock == nil {
		config.Clock = clock.RealClock{}
	}
	if len(config.Services.CIDRs) == 0 {
		config.Services.CIDRs = []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")}
	}
	if config.Services.NodePorts.Size == 0 {
		config.Services.NodePorts = utilnet.PortRange{Base: 30000, Size: 2768}
	}
	if config.EventTTL == 0 {
		config.EventTTL = time.Hour
	}
	if config.Serving.CertFile == "" && config.Serving.CertDir == "" {
		return nil, errors.New("the API server needs a serving certificate or a directory to keep its own in")
	}
	if len(config.Store.Servers) == 0 && config.Store.Embedded.Dir == "" {
		return nil, errors.New("the API server needs a data directory or the addresses of an etcd cluster")
	}
	return &Server{config: config, ready: make(chan struct{}), handling: make(chan struct{}), metrics: newMetrics(config)}, nil
}

// Ready is closed when the server answers every request that it ever will (/readyz says ok, but perhaps for an alarm of the
// store: a full one is emptied through this server).
func (s *Server) Ready() <-chan struct{} { return s.ready }

// Address is where the server listens for HTTPS, nil before Start has opened it.
func (s *Server) Address() net.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.address
}

// ConfigFor is how other parts of this process reach the server as u: straight into the handler chain, with no socket,
// no TLS and no credentials that could leak. Requests wait until the server is up.
func (s *Server) ConfigFor(u user.Info) *rest.Config {
	return inMemoryConfig(s, u)
}

// Start runs the server until ctx ends.
func (s *Server) Start(ctx context.Context) error {
	return s.run(ctx)
}
