// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"errors"
	"net/netip"

	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
)

// Config is everything a server depends on.
type Config struct {
	// Rest is how to reach the API server, to publish the Service.
	Rest *rest.Config
	// Cache has the cluster's objects; whoever made it runs it.
	Cache cache.Cache
	// Clock is the time; nil means the real one.
	Clock clock.WithTicker
	// NodeName is the node that the server runs on.
	NodeName string

	// Domain is the cluster's; "" means cluster.local.
	Domain string
	// Address and Port are where to listen; port 0 means 53.
	Address netip.Addr
	Port    uint16
	// MetricsPort on the same address serves CoreDNS's metrics; 0 means 9153.
	MetricsPort uint16
	// ClusterIP is the address that pods ask.
	ClusterIP netip.Addr
	// ResolvConf names the file with the name servers for all other names; ""
	// means /etc/resolv.conf.
	ResolvConf string
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	if c.Domain == "" {
		c.Domain = "cluster.local"
	}
	if c.Port == 0 {
		c.Port = 53
	}
	if c.MetricsPort == 0 {
		c.MetricsPort = 9153
	}
	if c.ResolvConf == "" {
		c.ResolvConf = "/etc/resolv.conf"
	}
	return c
}

func (c Config) validate() error {
	var errs []error
	if c.Rest == nil || c.Cache == nil {
		errs = append(errs, errors.New("no way to reach the API server"))
	}
	if !c.Address.Is4() {
		errs = append(errs, errors.New("no IPv4 address to listen on"))
	}
	if !c.ClusterIP.Is4() {
		errs = append(errs, errors.New("no IPv4 cluster IP"))
	}
	return errors.Join(errs...)
}
