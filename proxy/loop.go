// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package proxy

import (
	"context"
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/proxy/conntrack"
	"coxswain.dev/coxswain/proxy/network"
	"coxswain.dev/coxswain/proxy/state"
)

// retryPeriod is how long to wait after the kernel refused a change.
const retryPeriod = time.Second

// loop keeps the kernel equal to the model until the context ends.
func (p *Proxy) loop(ctx context.Context, names <-chan struct{}) error {
	logger := klog.FromContext(ctx).WithName("proxy")
	check := p.cfg.Clock.NewTicker(p.cfg.SyncPeriod)
	defer check.Stop()
	if err := p.fullSync(logger); err != nil {
		return err // the first time nothing else helps either: rights or kernel features are missing
	}
	p.obeyNodes(logger)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-names:
			names = nil
			close(p.ready)
			continue
		case <-p.wake:
			p.obeyNodes(logger)
			p.step(logger)
		case <-p.retry:
			p.retry = nil
			p.obeyNodes(logger)
			p.step(logger)
		case <-check.C():
			p.inspect(logger)
		}
		if p.cfg.MinSyncPeriod > 0 && !p.sleep(ctx, p.cfg.MinSyncPeriod) {
			return nil
		}
	}
}

// step hands the back end what has changed.
func (p *Proxy) step(logger klog.Logger) {
	if p.broken {
		p.again(logger, p.fullSync(logger))
		return
	}
	p.mu.Lock()
	changes := p.tracker.Collect()
	p.mu.Unlock()
	p.report(logger, changes)
	if len(changes.List) == 0 {
		p.health.updated()
		return
	}
	start := p.cfg.Clock.Now()
	if err := p.backend.Apply(changes.List); err != nil {
		p.figures.syncFailures.Inc()
		logger.Error(err, "Changing the rules, comparing everything instead")
		p.again(logger, p.fullSync(logger))
		return
	}
	p.figures.partialSyncDuration.Observe(p.cfg.Clock.Since(start).Seconds())
	p.finish(logger, start, changes)
}

// fullSync compares everything.
func (p *Proxy) fullSync(logger klog.Logger) error {
	p.mu.Lock()
	p.refreshNode()
	changes := p.tracker.Collect()
	model := p.tracker.Model()
	p.mu.Unlock()
	p.report(logger, changes)
	start := p.cfg.Clock.Now()
	if err := p.backend.Sync(model); err != nil {
		p.figures.syncFailures.Inc()
		return err
	}
	p.figures.fullSyncDuration.Observe(p.cfg.Clock.Since(start).Seconds())
	p.synced = start
	// Connections from before are all looked at.
	changes.List = changes.List[:0]
	for _, service := range model.Services {
		changes.List = append(changes.List, state.Change{Key: service.Key, New: service})
	}
	p.finish(logger, start, changes)
	return nil
}

// finish does what follows a change of the rules.
func (p *Proxy) finish(logger klog.Logger, start time.Time, changes state.Changes) {
	now := p.cfg.Clock.Now()
	p.figures.syncDuration.Observe(now.Sub(start).Seconds())
	p.figures.lastSync.Set(float64(now.UnixNano()) / 1e9)
	for _, at := range changes.Triggers {
		p.figures.programmingLatency.Observe(now.Sub(at).Seconds())
	}
	p.health.updated()
	p.ports.obey(logger, changes.List)
	if forgotten, err := conntrack.Forget(changes.List); err != nil {
		logger.Error(err, "Forgetting UDP connections to endpoints that went")
	} else if forgotten > 0 {
		p.figures.conntrackDeleted.Add(float64(forgotten))
	}
	logger.V(2).Info("Rules are up to date", "services", len(changes.List), "took", p.cfg.Clock.Since(start))
}

func (p *Proxy) report(logger klog.Logger, changes state.Changes) {
	for _, frontend := range changes.Contested {
		logger.Info("Several objects ask for one address and port, the first by name has it", "frontend", frontend.String())
	}
}

// watchRoutes has routes put back that somebody else has deleted. When the kernel has too much to tell, it begins anew, and
// what was missed is made up for.
func (p *Proxy) watchRoutes(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := network.WatchRoutes(ctx, p.doubtRoutes); err != nil {
			klog.FromContext(ctx).WithName("proxy").V(2).Info("Watching routes anew", "reason", err.Error())
			p.doubtRoutes()
			p.sleep(ctx, retryPeriod)
		}
	}
	return nil
}

// doubtRoutes has the loop compare routes.
func (p *Proxy) doubtRoutes() {
	p.mu.Lock()
	p.nodesDirty = true
	p.mu.Unlock()
	p.poke()
}

// inspect is the safety net.
func (p *Proxy) inspect(logger klog.Logger) {
	p.mu.Lock()
	p.nodesDirty = true
	p.mu.Unlock()
	p.obeyNodes(logger)
	disturbed, err := p.backend.Disturbed()
	if err != nil {
		logger.Error(err, "Looking whether the rules were disturbed")
	}
	if disturbed || p.cfg.Clock.Since(p.synced) >= fullSyncPeriod {
		logger.V(2).Info("Comparing all rules", "disturbed", disturbed)
		p.again(logger, p.fullSync(logger))
	}
}

// again has a failed comparison tried again: until one succeeds, nothing less
// is attempted.
func (p *Proxy) again(logger klog.Logger, err error) {
	p.broken = err != nil
	if err == nil {
		return
	}
	logger.Error(err, "Comparing all rules, trying again", "in", retryPeriod)
	p.health.failing()
	p.retry = p.cfg.Clock.After(retryPeriod)
}

// obeyNodes takes changes of Nodes and of the node's addresses in.
func (p *Proxy) obeyNodes(logger klog.Logger) {
	p.mu.Lock()
	dirty := p.nodesDirty
	p.nodesDirty = false
	p.refreshNode()
	nodes := make([]*corev1.Node, 0, len(p.nodes))
	for _, node := range p.nodes {
		nodes = append(nodes, node)
	}
	p.mu.Unlock()
	if dirty && p.cfg.Routes {
		if err := network.SyncRoutes(p.cfg.NodeName, p.cfg.ClusterCIDRs, nodes); err != nil {
			logger.Error(err, "Keeping routes to other nodes' pods, trying again", "in", retryPeriod)
			p.mu.Lock()
			p.nodesDirty = true
			p.mu.Unlock()
			p.retry = p.cfg.Clock.After(retryPeriod)
		}
	}
}

// refreshNode is called with the lock held.
func (p *Proxy) refreshNode() {
	p.tracker.SetNode(nodeFacts(p.cfg, p.addresses, p.nodes[p.cfg.NodeName]))
}

// setAddresses takes in the addresses of all interfaces.
func (p *Proxy) setAddresses(addresses []netip.Addr) {
	slices.SortFunc(addresses, netip.Addr.Compare)
	p.mu.Lock()
	changed := !slices.Equal(p.addresses, addresses)
	p.addresses = addresses
	p.mu.Unlock()
	if changed {
		p.poke()
	}
}

func (p *Proxy) sleep(ctx context.Context, duration time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-p.cfg.Clock.After(duration):
		return true
	}
}
