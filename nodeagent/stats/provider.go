// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/google/cadvisor/lib/model"
	"github.com/prometheus/client_golang/prometheus"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/nodeagent/pods"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

const (
	// shareFor is how old a snapshot may be that another question is answered with.
	shareFor = time.Second
	// runtimeFor is how long the runtime's own figures are good for, diskFor those of walks through directories.
	runtimeFor = 30 * time.Second
	diskFor    = time.Minute
)

// Runtime is what is asked of the container runtime.
type Runtime interface {
	runtime.Stats
	ImageFilesystem(ctx context.Context) (runtime.Filesystem, error)
}

// Config of a Provider. NodeName, Pods and RootDir are needed.
type Config struct {
	NodeName string
	Pods     pods.Source
	// Runtime may be nil: then nothing is said of images and writable layers.
	Runtime Runtime
	// RootDir holds the pods' volumes, LogsDir their logs.
	RootDir, LogsDir string
	// CgroupRoot is above the cgroups of all pods.
	CgroupRoot string
	// Probes are the counters of probes, served at /metrics/probes; nil serves none.
	Probes prometheus.Gatherer
	// Clock is the real one when nil.
	Clock clock.WithTicker
	// Meter is the kernel's when nil.
	Meter Meter
}

// Provider answers questions about what the node uses. Make it with New.
type Provider struct {
	config Config
	ready  chan struct{}
	disk   *diskCache

	// turn is held by who takes a snapshot; it guards the fields below.
	turn    chan struct{}
	last    *snapshot
	history history
	told    runtimeStats
}

// New finds the cgroups of this machine.
func New(config Config) (*Provider, error) {
	if config.NodeName == "" || config.Pods == nil || config.RootDir == "" {
		return nil, errors.New("statistics need a node name, a source of pods and a root directory")
	}
	if config.Clock == nil {
		config.Clock = clock.RealClock{}
	}
	if config.Meter == nil {
		var err error
		if config.Meter, err = newMeter(); err != nil {
			return nil, err
		}
	}
	return &Provider{
		config: config, ready: make(chan struct{}), turn: make(chan struct{}, 1), history: history{},
		disk: newDiskCache(config.Clock, diskFor),
	}, nil
}

// Start waits for ctx to end: all work is done when somebody asks.
func (p *Provider) Start(ctx context.Context) error {
	close(p.ready)
	<-ctx.Done()
	return nil
}

// Ready is closed once started.
func (p *Provider) Ready() <-chan struct{} { return p.ready }

// Machine describes the hardware: cores, memory, identifiers. It is read once.
func (p *Provider) Machine() (*model.MachineInfo, error) { return p.config.Meter.Machine() }

// Handlers are the paths to serve to GET requests.
func (p *Provider) Handlers() map[string]http.Handler {
	handlers := map[string]http.Handler{
		"/stats/summary":    http.HandlerFunc(p.serveSummary),
		"/metrics/resource": p.resourceHandler(),
		"/metrics/cadvisor": p.cadvisorHandler(),
	}
	if p.config.Probes != nil {
		handlers["/metrics/probes"] = exposition(p.config.Probes)
	}
	return handlers
}
