// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package controllers

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"coxswain.dev/coxswain/controllers/node/ipam"
)

// Config is what the controller manager needs. Rest is required. Start from NewConfig, which sets Kubernetes' defaults.
type Config struct {
	// Rest says how to reach the API server. Its rate limits are lifted: the API server has its own.
	Rest *rest.Config
	// NewCache makes the cache to read from; nil means informers of our own.
	NewCache cache.NewCacheFunc
	// Clock is for tests; nil means the real one.
	Clock clock.WithTicker

	// Controllers chooses what runs: "*" for all that are on by default, "name" for one, "-name" for all but one.
	Controllers []string
	// Workers says how many objects each controller reconciles at once.
	Workers Workers

	// LeaderElection, when set, lets several managers stand by for one.
	LeaderElection *LeaderElection

	// RootCA is the PEM bundle published in every namespace; empty publishes nothing.
	RootCA []byte
	// Signing signs certificate requests; nil signs none.
	Signing *Signing

	// AllocateNodeCIDRs gives nodes blocks of the ClusterCIDRs.
	AllocateNodeCIDRs bool
	ClusterCIDRs      []netip.Prefix
	// ServiceCIDRs are left out when they overlap with ClusterCIDRs.
	ServiceCIDRs []netip.Prefix
	// NodeMaskV4 and NodeMaskV6 are the sizes of a node's blocks.
	NodeMaskV4, NodeMaskV6 int

	// MaxEndpointsPerSlice is the largest number of endpoints in an EndpointSlice.
	MaxEndpointsPerSlice int32

	Nodes       Nodes
	Autoscaling Autoscaling

	// TerminatedPods is how many ended pods are kept before the oldest are deleted; 0 keeps all.
	TerminatedPods int
}

// Workers are numbers of parallel reconciliations.
type Workers struct {
	ReplicaSets, Deployments, ServiceEndpoints, ServiceAccounts, Namespaces, GarbageCollection, Autoscalers int
}

// LeaderElection is how one of several managers is chosen.
type LeaderElection struct {
	Namespace, Name              string
	Lease, RenewDeadline, Period time.Duration
}

// Signing is the authority for certificate requests.
type Signing struct {
	// Certificate and Key are PEM.
	Certificate, Key []byte
	// Duration is the longest life of a certificate.
	Duration time.Duration
}

// Nodes are the settings of node health.
type Nodes struct {
	// MonitorPeriod is how often nodes are looked at, and GracePeriod how long one may be silent before it counts as
	// unreachable; StartupGracePeriod is the same for a node that has just registered.
	MonitorPeriod, GracePeriod, StartupGracePeriod time.Duration
	// EvictionRate is how many nodes a second get their pods evicted in a healthy zone, SecondaryEvictionRate in an
	// unhealthy one, and UnhealthyZoneThreshold the share of nodes not ready that makes a zone unhealthy. Zones with at
	// most LargeClusterSize nodes are not evicted at all when unhealthy.
	EvictionRate, SecondaryEvictionRate float32
	UnhealthyZoneThreshold              float32
	LargeClusterSize                    int
}

// Autoscaling are the settings of the HorizontalPodAutoscaler.
type Autoscaling struct {
	// SyncPeriod is how often metrics are looked at.
	SyncPeriod time.Duration
	// DownscaleStabilization is how long the highest recommendation holds.
	DownscaleStabilization time.Duration
	// Tolerance is how far from the target the usage may be without a change.
	Tolerance float64
	// CPUInitializationPeriod is how long after its start CPU samples of a pod are skipped when it was not yet ready;
	// InitialReadinessDelay is how long a pod that never was ready counts as just starting.
	CPUInitializationPeriod, InitialReadinessDelay time.Duration
}

// NewConfig returns the defaults of kube-controller-manager.
func NewConfig() Config {
	return Config{
		Controllers: []string{"*"},
		Workers: Workers{
			ReplicaSets: 5, Deployments: 5, ServiceEndpoints: 5, ServiceAccounts: 5, Namespaces: 10, GarbageCollection: 20, Autoscalers: 5,
		},
		NodeMaskV4: 24, NodeMaskV6: 64,
		MaxEndpointsPerSlice: 100,
		Nodes: Nodes{
			MonitorPeriod: 5 * time.Second, GracePeriod: 50 * time.Second, StartupGracePeriod: time.Minute,
			EvictionRate: 0.1, SecondaryEvictionRate: 0.01, UnhealthyZoneThreshold: 0.55, LargeClusterSize: 50,
		},
		Autoscaling: Autoscaling{
			SyncPeriod: 15 * time.Second, DownscaleStabilization: 5 * time.Minute, Tolerance: 0.1,
			CPUInitializationPeriod: 5 * time.Minute, InitialReadinessDelay: 30 * time.Second,
		},
		TerminatedPods: 12500,
	}
}

// ranges are the cluster's address ranges with the block sizes of their families.
func (c *Config) ranges() []ipam.Range {
	ranges := make([]ipam.Range, len(c.ClusterCIDRs))
	for i, cidr := range c.ClusterCIDRs {
		ranges[i] = ipam.Range{CIDR: cidr, NodeMask: c.NodeMaskV4}
		if cidr.Addr().Is6() {
			ranges[i].NodeMask = c.NodeMaskV6
		}
	}
	return ranges
}

// validate returns everything that is wrong with the configuration.
func (c *Config) validate() error {
	var errs []error
	if c.Rest == nil {
		errs = append(errs, errors.New("no way to reach the API server is configured"))
	}
	if c.AllocateNodeCIDRs {
		errs = append(errs, c.validateCIDRs())
	}
	if c.Signing != nil {
		_, err := newSigning(c, nil)
		errs = append(errs, err)
	}
	for _, choice := range c.Controllers {
		if name := trimChoice(choice); name != "*" && find(name) == nil {
			errs = append(errs, fmt.Errorf("%q is not in the list of known controllers", name))
		}
	}
	return errors.Join(errs...)
}

func (c *Config) validateCIDRs() error {
	switch {
	case len(c.ClusterCIDRs) == 0:
		return errors.New("node addresses are to be allocated, but there is no cluster CIDR")
	case len(c.ClusterCIDRs) > 2:
		return fmt.Errorf("%d cluster CIDRs are given; there can be one for each address family", len(c.ClusterCIDRs))
	case len(c.ClusterCIDRs) == 2 && c.ClusterCIDRs[0].Addr().Is4() == c.ClusterCIDRs[1].Addr().Is4():
		return fmt.Errorf("cluster CIDRs %s and %s are of one address family", c.ClusterCIDRs[0], c.ClusterCIDRs[1])
	}
	_, err := ipam.New(ipam.Config{Ranges: c.ranges()})
	return err
}
