// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package dns

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/forward"
	"github.com/coredns/coredns/plugin/pkg/proxy"
	"github.com/coredns/coredns/plugin/pkg/transport"
	mdns "github.com/miekg/dns"
	"k8s.io/utils/clock"
)

// upstreams sends names that are not the cluster's to the node's own name
// servers. Without any, or while none answers, it says so at once: a program
// that looks a name up on a machine without network should fail in
// milliseconds, not after CoreDNS's five seconds a query.
type upstreams struct {
	clock clock.Clock
	file  string
	own   []netip.Addr
	// port is where the servers listen; "" means what the file says.
	port string

	mu      sync.Mutex
	servers []string
	forward *forward.Forward // nil without servers
	down    time.Time        // answer at once until then
}

// downTime is how long the servers are left alone after none of them answered.
const downTime = 5 * time.Second

// patience is how long a query may take. The forwarder itself looks at the
// deadline only between attempts of two seconds.
const patience = 3 * time.Second

// Name implements plugin.Handler.
func (u *upstreams) Name() string { return "upstreams" }

// ServeDNS implements plugin.Handler.
func (u *upstreams) ServeDNS(ctx context.Context, w mdns.ResponseWriter, r *mdns.Msg) (int, error) {
	u.mu.Lock()
	next, down := u.forward, u.clock.Now().Before(u.down)
	u.mu.Unlock()
	if next == nil || down {
		return mdns.RcodeServerFailure, nil
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	code, err := next.ServeDNS(ctx, w, r)
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil && !plugin.ClientWrite(code) {
		u.down = u.clock.Now().Add(downTime)
		return code, nil // the answer says it all; a line a query would fill the log
	}
	u.down = time.Time{}
	return code, err
}

// reload takes a changed file in. It is called now and then.
func (u *upstreams) reload() {
	servers := nameServers(u.file, u.own)
	if u.port != "" {
		for i, server := range servers {
			host, _, _ := net.SplitHostPort(server)
			servers[i] = net.JoinHostPort(host, u.port)
		}
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if slices.Equal(servers, u.servers) {
		return
	}
	u.stop()
	u.servers, u.down = servers, time.Time{}
	if len(servers) == 0 {
		return
	}
	u.forward = forward.New()
	for _, server := range servers {
		u.forward.SetProxy(proxy.NewProxy("forward", server, transport.DNS))
	}
	_ = u.forward.OnStartup() // cannot fail: it starts the health checks
}

// stop is called with the lock held.
func (u *upstreams) stop() {
	if u.forward != nil {
		_ = u.forward.OnShutdown()
		u.forward = nil
	}
}

func (u *upstreams) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.stop()
}

// nameServers reads a resolv.conf and leaves out ourselves.
func nameServers(file string, own []netip.Addr) []string {
	config, err := mdns.ClientConfigFromFile(file)
	if err != nil {
		return nil
	}
	var servers []string
	for _, text := range config.Servers {
		if addr, err := netip.ParseAddr(text); err != nil || slices.Contains(own, addr.WithZone("")) {
			continue
		}
		servers = append(servers, net.JoinHostPort(text, config.Port))
	}
	return servers
}
