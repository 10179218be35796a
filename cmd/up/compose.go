// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/cache"

	"coxswain.dev/coxswain/apis"
	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/cmd/layout"
	"coxswain.dev/coxswain/internal/instance"
	"coxswain.dev/coxswain/internal/kubeconfig"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/internal/pki"
	"coxswain.dev/coxswain/internal/sharedcache"
	"coxswain.dev/coxswain/nodeagent/containerd"
)

// cluster is one composition of all parts.
type cluster struct {
	*settings
	progress cli.Progress

	// What the parts have in common, in the order in which it comes into being.
	layout     layout.Layout
	certs      *pki.Cluster
	containerd *containerd.Daemon
	apiserver  *apiserver.Server
	cache      *sharedcache.Cache
	// surplus are the names of nodes that an earlier run had and this one does not.
	surplus []string
}

func newCluster(s *settings, progress cli.Progress) *cluster {
	return &cluster{settings: s, progress: progress}
}

// run starts everything in order, calls ready once the cluster takes pods, and returns after ctx has ended and
// everything has stopped again.
//
//	network ─► API server ─┬─► kubeconfig ─► our CRDs ─► informers ─► controllers, scheduler, node, proxy ─► ready
//	           containerd ─┘
func (c *cluster) run(ctx context.Context, ready func()) error {
	if err := c.prepare(ctx); err != nil {
		return err
	}
	group := &lifecycle.Group{Observer: c.observer()}
	foundation := &lifecycle.Together{Observer: c.observer()}
	foundation.Add("API server", c.newAPIServer)
	c.addContainerd(foundation)
	group.Add("", foundation)
	group.AddLater("kubeconfig", c.publishKubeconfig)
	group.AddLater("CRDs", c.installCRDs)
	group.AddLater("", c.forgetSurplus)
	group.AddLater("", c.newCache)
	parts := &lifecycle.Together{Observer: c.observer()}
	parts.Add("controllers", c.newControllers)
	parts.Add("scheduler", c.newScheduler)
	c.addNodes(parts)
	group.Add("", parts)
	group.Add("", newGate(c.awaitNodes, ready))
	return group.Start(ctx)
}

func (c *cluster) observer() lifecycle.Observer {
	return lifecycle.Observer{Ready: func(name string, took time.Duration) {
		if name != "" {
			c.progress.Done(name, took)
		}
	}}
}

// prepare makes folders and certificates, and writes the record by which `coxswain down` finds what this run makes.
func (c *cluster) prepare(ctx context.Context) error {
	began := time.Now()
	if err := os.MkdirAll(c.runDir, 0o755); err != nil {
		return fmt.Errorf("making %s for sockets: %w; choose another with --run-dir", c.runDir, errors.Unwrap(err))
	}
	var err error
	c.certs, err = pki.Ensure(c.dir.PKI(), []string{c.kubernetesIP.String(), c.nodeAddress.String()}, time.Now())
	if err != nil {
		return fmt.Errorf("preparing certificates: %w", err)
	}
	record := instance.Record{
		Name:        c.name,
		RunDir:      c.runDir,
		Kubeconfig:  c.kubeconfig,
		Server:      c.server(),
		PodCIDR:     c.pods.String(),
		NodeCIDR:    c.nodes.String(),
		ServiceCIDR: c.services.String(),
	}
	if !c.simulate {
		record.NodeName, record.MoreNodes = c.nodeName, c.moreNodes
	}
	if err := c.removeSurplus(ctx); err != nil {
		return err
	}
	if err := c.dir.Save(record); err != nil {
		return err
	}
	c.layout = layout.Layout{Dir: c.dir, Record: record}
	c.progress.Done("certificates", time.Since(began))
	return c.prepareNetwork()
}

// publishKubeconfig writes admin.conf and merges the context into the user's file. It is a step, not a part.
func (c *cluster) publishKubeconfig(context.Context) (lifecycle.Component, error) {
	entry := kubeconfig.Entry{Name: c.name, Server: c.server(), CA: c.certs.CA.CertPEM(), Client: c.certs.Admin}
	if err := kubeconfig.Write(c.dir.AdminKubeconfig(), entry); err != nil {
		return nil, err
	}
	if c.kubeconfig == "" {
		return nil, nil
	}
	return nil, kubeconfig.Merge(c.kubeconfig, entry)
}

// newCache makes the one set of informers. Its identity may read everything, since what it reads serves all components,
// and write nothing.
func (c *cluster) newCache(context.Context) (lifecycle.Component, error) {
	shared, err := sharedcache.New(c.as(policy.Informers), apis.NewClientScheme())
	if err != nil {
		return nil, err
	}
	c.cache = shared
	return shared, nil
}

// gate is the last part: it waits for the cluster to be usable and calls ready.
type gate struct {
	await  func(context.Context) error
	opened func()
	ready  chan struct{}
}

func newGate(await func(context.Context) error, opened func()) *gate {
	return &gate{await: await, opened: opened, ready: make(chan struct{})}
}

// Ready implements lifecycle.Component.
func (g *gate) Ready() <-chan struct{} { return g.ready }

// Start implements lifecycle.Component.
func (g *gate) Start(ctx context.Context) error {
	if err := g.await(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	close(g.ready)
	g.opened()
	<-ctx.Done()
	return nil
}

// view is the shared cache as one of its readers sees it.
func (c *cluster) view() cache.Cache {
	view, _ := c.cache.NewCache(nil, cache.Options{}) // a view costs nothing and never fails
	return view
}
