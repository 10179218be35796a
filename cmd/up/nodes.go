// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/tools/cache"

	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/nodeagent"
	"coxswain.dev/coxswain/nodeagent/containerd"
	"coxswain.dev/coxswain/proxy"
	"coxswain.dev/coxswain/proxy/dns"
	"coxswain.dev/coxswain/proxy/network"
)

// prepareNetwork makes the bridge on which the API server and the node have their addresses.
func (c *cluster) prepareNetwork() error {
	if c.simulate {
		return nil
	}
	began := time.Now()
	config, err := c.layout.Network()
	if err != nil {
		return err
	}
	if err := network.Setup(config); err != nil {
		return fmt.Errorf("preparing the node network: %w", err)
	}
	c.progress.Done("network", time.Since(began))
	return nil
}

// addContainerd starts the node's containerd beside the API server, since neither needs the other.
func (c *cluster) addContainerd(parts *lifecycle.Together) {
	if c.simulate {
		return
	}
	parts.Add("containerd", func(context.Context) (lifecycle.Component, error) {
		daemon, err := containerd.New(c.layout.First().Containerd())
		if err != nil {
			return nil, err
		}
		c.containerd = daemon
		return daemon, nil
	})
}

// addNodes adds what runs on a node: agent, service proxy and DNS, or simulated nodes in their place.
func (c *cluster) addNodes(parts *lifecycle.Together) {
	if c.simulate {
		parts.Add("simulated nodes", c.newSimulated)
		return
	}
	parts.Add("node agent", c.newNodeAgent)
	parts.Add("proxy and DNS", c.newProxy)
	for _, n := range c.layout.Nodes()[1:] {
		parts.Add("node "+n.Name, func(context.Context) (lifecycle.Component, error) { return c.newFurtherNode(n) })
	}
}

// kubeletPort is the same with --component-ports=auto: the node's address is no other cluster's.
const kubeletPort = 10250

func (c *cluster) newNodeAgent(context.Context) (lifecycle.Component, error) {
	pair, err := c.certs.Node(c.nodeName, []string{c.nodeAddress.String(), "127.0.0.1", "localhost"}, time.Now())
	if err != nil {
		return nil, err
	}
	return nodeagent.New(nodeagent.Config{
		Rest:            c.as("system:node:"+c.nodeName, user.NodesGroup),
		NewCache:        c.cache.NewCache,
		NodeName:        c.nodeName,
		NodeIPs:         []string{c.nodeAddress.String()},
		RootDir:         string(c.layout.First().Dir()),
		RuntimeEndpoint: c.containerd.Endpoint(),
		CNIDir:          c.layout.First().Containerd().CNIDir,
		Bridge:          c.layout.PodBridge(),
		CgroupRoot:      c.layout.First().CgroupRoot(),
		ClusterDNS:      []string{c.dnsAddr.String()},
		Addresses:       []string{netip.AddrPortFrom(c.nodeAddress, kubeletPort).String()},
		TLS:             serverTLS(pair),
		ClientCAFile:    c.certs.CA.CertFile(),
		HealthAddress:   c.loopback(10248),
	})
}

// newProxy configures service proxy and DNS.
func (c *cluster) newProxy(context.Context) (lifecycle.Component, error) {
	return proxy.New(proxy.Config{
		Rest:           c.as(policy.Proxy),
		NewCache:       c.cache.NewCache,
		NodeName:       c.nodeName,
		Table:          c.layout.Table(),
		ClusterCIDRs:   []netip.Prefix{c.pods},
		NodeCIDRs:      []netip.Prefix{c.nodes},
		ServiceCIDRs:   []netip.Prefix{c.services},
		Routes:         true,
		MetricsAddress: c.loopback(10249),
		HealthzAddress: c.loopback(10256),
		DNS:            &dns.Config{Address: c.nodeAddress, ClusterIP: c.dnsAddr},
	})
}

// awaitNodes blocks until every node that this process runs is Ready.
func (c *cluster) awaitNodes(ctx context.Context) error {
	began := time.Now()
	wanted := max(1+len(c.moreNodes), c.simulatedNodes)
	informer, err := c.view().GetInformer(ctx, &corev1.Node{})
	if err != nil {
		return fmt.Errorf("watching nodes: %w", err)
	}
	ready := map[string]bool{}
	changed := make(chan *corev1.Node)
	send := func(obj any) {
		if node, ok := obj.(*corev1.Node); ok {
			select {
			case changed <- node:
			case <-ctx.Done():
			}
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	registration, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
		AddFunc:    send,
		UpdateFunc: func(_, obj any) { send(obj) },
	})
	if err != nil {
		return fmt.Errorf("watching nodes: %w", err)
	}
	defer func() { _ = informer.RemoveEventHandler(registration) }() // fails only when the informer has stopped
	for len(ready) < wanted {
		select {
		case node := <-changed:
			if isReady(node) {
				ready[node.Name] = true
			} else {
				delete(ready, node.Name)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	what := "node Ready"
	if wanted > 1 {
		what = fmt.Sprintf("%d nodes Ready", wanted)
	}
	c.progress.Done(what, time.Since(began))
	return nil
}

func isReady(node *corev1.Node) bool {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}
