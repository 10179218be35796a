// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// Annotations on pods that say what their containers do. Durations are Go's, such as 1m30s.
const (
	// DurationAnnotation is how long each container runs before it ends by itself; for ever without it.
	DurationAnnotation = "coxswain.dev/simulated-duration"
	// ExitCodeAnnotation is what containers that end by themselves end with; 0 without it.
	ExitCodeAnnotation = "coxswain.dev/simulated-exit-code"
	// StopAnnotation is how long containers take to end when they are asked to; no time without it. A pod's grace period
	// ends them with code 137.
	StopAnnotation = "coxswain.dev/simulated-stop"
)

// Label that nodes of this package carry, with the value "true".
const Label = "coxswain.dev/simulated"

// DefaultNamePrefix of nodes.
const DefaultNamePrefix = "simulated-"

// Config of a Simulator. Rest is needed; the rest has defaults.
type Config struct {
	// Rest reaches the API server with the rights of all nodes at once: to create nodes, to write leases in kube-node-lease
	// and statuses of nodes and pods, and to delete pods. No user of a single node may do that; the roles
	// coxswain:simulated-nodes, a ClusterRole and one in kube-node-lease, hold exactly this.
	Rest *rest.Config
	// NewCache makes the informers; nil makes own ones.
	NewCache cache.NewCacheFunc
	// Clock is the real one when nil.
	Clock clock.WithTicker

	// Names of the nodes. When empty there are Nodes of them, called NamePrefix and a number from 0.
	Names      []string
	Nodes      int
	NamePrefix string
	// Labels and taints of all nodes, besides the usual ones.
	Labels map[string]string
	Taints []corev1.Taint
	// Capacity of each node; what is missing is filled in.
	Capacity corev1.ResourceList
	// PodStartDelay is how long a pod takes from its binding until its containers begin to run.
	PodStartDelay time.Duration
	// PodCIDR is where pods on nodes that were given no range of their own get addresses from.
	PodCIDR netip.Prefix
	// LeaseRenewal is how often each node says that it lives. By default every 10 seconds, every 20 with more than 100 nodes.
	LeaseRenewal time.Duration
}

const (
	leaseDuration = 40 * time.Second
	// many nodes renew their leases half as often.
	many = 100
	// statusEvery is how often an unchanged status of a node is written.
	statusEvery = 5 * time.Minute
)

func (c *Config) complete() error {
	if c.Rest == nil {
		return errors.New("simulated nodes need a way to reach the API server")
	}
	if c.NewCache == nil {
		c.NewCache = cache.New
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.NamePrefix == "" {
		c.NamePrefix = DefaultNamePrefix
	}
	if len(c.Names) == 0 {
		if c.Nodes < 1 {
			return fmt.Errorf("%d simulated nodes were asked for; there must be at least one", c.Nodes)
		}
		for i := range c.Nodes {
			c.Names = append(c.Names, fmt.Sprint(c.NamePrefix, i))
		}
	}
	capacity := corev1.ResourceList{
		corev1.ResourceCPU:              resource.MustParse("32"),
		corev1.ResourceMemory:           resource.MustParse("64Gi"),
		corev1.ResourceEphemeralStorage: resource.MustParse("256Gi"),
		corev1.ResourcePods:             resource.MustParse("110"),
	}
	for name, quantity := range c.Capacity {
		capacity[name] = quantity
	}
	c.Capacity = capacity
	if !c.PodCIDR.IsValid() {
		c.PodCIDR = netip.MustParsePrefix("100.64.0.0/10") // shared address space: nobody's pods or nodes live there
	}
	if c.LeaseRenewal == 0 {
		c.LeaseRenewal = 10 * time.Second
		if len(c.Names) > many {
			c.LeaseRenewal = 20 * time.Second
		}
	}
	return nil
}
