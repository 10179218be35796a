// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/coredns/caddy"
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/cache"
	"github.com/coredns/coredns/plugin/kubernetes"
	"github.com/coredns/coredns/plugin/metrics"
)

// recordTTL is how long clients may keep a record of the cluster, in seconds.
const recordTTL = 30

// newChain puts the plugins together: figures, the cluster's names, and for all
// others a cache in front of the upstream servers. The cluster's own names are
// not cached: they are in memory already.
func newChain(cfg Config, records *source, others *upstreams) (*dnsserver.Server, error) {
	cluster, err := newKubernetes(cfg.Domain, records)
	if err != nil {
		return nil, err
	}
	figures := metrics.New("")
	figures.AddZone(".")
	remember := cache.New()
	listener := netip.AddrPortFrom(cfg.Address, cfg.Port).String()
	site := &dnsserver.Config{Zone: ".", Transport: "dns", ListenHosts: []string{cfg.Address.String()}, Port: fmt.Sprint(cfg.Port)}
	site.AddPlugin(func(next plugin.Handler) plugin.Handler { figures.Next = next; return figures })
	site.AddPlugin(func(next plugin.Handler) plugin.Handler { cluster.Next = next; return cluster })
	site.AddPlugin(func(next plugin.Handler) plugin.Handler { remember.Next = next; return remember })
	site.AddPlugin(func(plugin.Handler) plugin.Handler { return others })
	server, err := dnsserver.NewServer("dns://"+listener, []*dnsserver.Config{site})
	if err != nil {
		return nil, fmt.Errorf("putting the name server together: %w", err)
	}
	return server, nil
}

// newKubernetes configures the plugin by its own stanza, since most of its
// options are private; the controller is only a reader of that text.
func newKubernetes(domain string, records *source) (*kubernetes.Kubernetes, error) {
	stanza := fmt.Sprintf("kubernetes %s in-addr.arpa ip6.arpa {\n pods insecure\n fallthrough in-addr.arpa ip6.arpa\n ttl %d\n}",
		strings.TrimSuffix(domain, "."), recordTTL)
	reader := caddy.NewTestController("dns", stanza)
	reader.Next()
	cluster, err := kubernetes.ParseStanza(reader)
	if err != nil {
		return nil, fmt.Errorf("configuring the cluster's names: %w", err)
	}
	cluster.APIConn = records
	return cluster, nil
}
