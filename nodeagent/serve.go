// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"coxswain.dev/coxswain/internal/serving"
	"coxswain.dev/coxswain/nodeagent/server"
	"coxswain.dev/coxswain/nodeagent/stats"
)

// How long the API server's word on somebody's rights is good for, as with the kubelet.
const (
	allowedFor = 5 * time.Minute
	deniedFor  = 30 * time.Second
)

// listen opens the node's servers, so that a taken port is found at once.
func (a *Agent) listen() error {
	c := &a.config
	if len(c.Addresses) > 0 {
		handler, err := a.handler()
		if err != nil {
			return err
		}
		if a.server, err = serving.New(serving.Config{Addresses: c.Addresses, TLS: c.TLS, Handler: handler}); err != nil {
			return err
		}
		if a.port, err = portOf(a.server.Addresses()[0]); err != nil {
			return err
		}
	}
	if c.HealthAddress == "" {
		return nil
	}
	var err error
	a.health, err = serving.New(serving.Config{Addresses: []string{c.HealthAddress}, Health: []string{"healthz"}})
	return err
}

// handler makes what the node's HTTPS server answers.
func (a *Agent) handler() (http.Handler, error) {
	c := &a.config
	guard, err := serving.NewGuard(serving.GuardConfig{
		Rest: c.Rest, ClientCAFile: c.ClientCAFile, Anonymous: c.Anonymous, AllowTTL: allowedFor, DenyTTL: deniedFor,
	})
	if err != nil {
		return nil, err
	}
	figures, err := stats.New(stats.Config{
		NodeName: c.NodeName, Pods: a.store, Runtime: a.runtime, RootDir: c.RootDir, LogsDir: c.LogsDir,
		CgroupRoot: c.CgroupRoot, Probes: a.probes.Gatherer(), Clock: c.Clock,
	})
	if err != nil {
		return nil, err
	}
	a.metrics.MustRegister(nodeName(c.NodeName))
	return server.New(server.Config{
		NodeName: c.NodeName, Guard: guard, Pods: a.store, Runtime: a.runtime,
		Metrics: a.metrics, Figures: figures.Handlers(), Requests: server.NewRequests(a.metrics),
	})
}

// nodeName is the metric by which dashboards join the node's figures with others.
func nodeName(name string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kubelet_node_name", Help: "The node's name. The count is always 1.", ConstLabels: prometheus.Labels{"node": name},
	}, func() float64 { return 1 })
}

func portOf(address string) (int32, error) {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("reading the port of %s: %w", address, err)
	}
	number, err := strconv.ParseInt(port, 10, 32)
	return int32(number), err
}
