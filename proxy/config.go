// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"errors"
	"net/netip"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"coxswain.dev/coxswain/proxy/dns"
)

// DefaultTable is the name of the nftables table of a cluster that shares its
// node with no other.
const DefaultTable = "coxswain"

// Config is everything a proxy depends on.
type Config struct {
	// Rest is how to reach the API server.
	Rest *rest.Config
	// NewCache makes the informers; nil means own ones.
	NewCache cache.NewCacheFunc
	// Clock is the time; nil means the real one.
	Clock clock.WithTicker
	// NodeName is the node this proxy serves.
	NodeName string

	// Mode names the back end; "" means the default.
	Mode string
	// Table is the name of the nftables table; "" means DefaultTable.
	Table string
	// ClusterCIDRs, NodeCIDRs and ServiceCIDRs hold the addresses of pods, nodes
	// and services.
	ClusterCIDRs, NodeCIDRs, ServiceCIDRs []netip.Prefix
	// MasqueradeAll makes endpoints see the node instead of the client.
	MasqueradeAll bool
	// NodePortAddresses limits node ports to the node's addresses in these
	// ranges. Without any they answer on 127.0.0.1, on the node's InternalIPs
	// and on its address in its own pod range.
	NodePortAddresses []netip.Prefix
	// NodePortPrimary limits them to the node's InternalIPs.
	NodePortPrimary bool
	// Routes makes the proxy keep routes to the pods of other nodes.
	Routes bool

	// Conntrack adjusts the kernel's connection table.
	Conntrack Conntrack

	// MinSyncPeriod is the least time between two changes to the kernel; 0, the
	// default, means that every event is obeyed at once.
	MinSyncPeriod time.Duration
	// SyncPeriod is how often to look whether the kernel's state is still ours.
	SyncPeriod time.Duration

	// MetricsAddress and HealthzAddress are where to serve; "" means nowhere.
	MetricsAddress, HealthzAddress string

	// DNS, when set, makes the proxy answer the cluster's names. What it has in
	// common with the proxy (Rest, NodeName, Clock, informers) is filled in.
	DNS *dns.Config
}

// Conntrack are limits of the kernel's connection table; 0 leaves one alone.
type Conntrack struct {
	// MaxPerCore connections are allowed for each core, but no fewer than Min.
	MaxPerCore, Min int
	// How long connections without traffic are remembered.
	TCPEstablished, TCPCloseWait, UDP, UDPStream time.Duration
}

// defaultSyncPeriod is kube-proxy's.
const defaultSyncPeriod = 30 * time.Second

// fullSyncPeriod is how often everything is compared even if nobody seems to
// have touched it.
const fullSyncPeriod = time.Hour

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.Table == "" {
		c.Table = DefaultTable
	}
	if c.SyncPeriod <= 0 {
		c.SyncPeriod = defaultSyncPeriod
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.Rest == nil {
		errs = append(errs, errors.New("no way to reach the API server"))
	}
	if c.NodeName == "" {
		errs = append(errs, errors.New("no node name"))
	}
	return errors.Join(errs...)
}
