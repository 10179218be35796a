// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/cache"

	"coxswain.dev/coxswain/internal/instance"
	"coxswain.dev/coxswain/internal/lifecycle"
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
	if err := network.Setup(c.network()); err != nil {
		return fmt.Errorf("preparing the node network: %w", err)
	}
	c.progress.Done("network", time.Since(began))
	return nil
}

func (c *cluster) network() network.Config {
	prefix := instance.Prefix(c.name)
	return network.Config{
		NodeBridge:   prefix + "-nodes",
		PodBridge:    prefix + "-pods",
		NodeAddress:  netip.PrefixFrom(c.nodeAddress, c.nodes.Bits()),
		ServiceCIDRs: []netip.Prefix{c.services},
	}
}

// newProxy configures service proxy and DNS.
func (c *cluster) newProxy(context.Context) (lifecycle.Component, error) {
	return proxy.New(proxy.Config{
		Rest:           c.as("system:kube-proxy"),
		NewCache:       c.cache.NewCache,
		NodeName:       c.nodeName,
		Table:          tableName(c.name),
		ClusterCIDRs:   []netip.Prefix{c.pods},
		NodeCIDRs:      []netip.Prefix{c.nodes},
		ServiceCIDRs:   []netip.Prefix{c.services},
		Routes:         true,
		MetricsAddress: c.loopback(10249),
		HealthzAddress: c.loopback(10256),
		DNS:            &dns.Config{Address: c.nodeAddress, ClusterIP: c.dnsAddr},
	})
}

// tableName is the nftables table of the cluster called name.
func tableName(name string) string {
	if name == "coxswain" {
		return proxy.DefaultTable
	}
	return "coxswain-" + instance.Prefix(name)[len("cox"):]
}

// awaitNodes blocks until every node that this process runs is Ready.
func (c *cluster) awaitNodes(ctx context.Context) error {
	began := time.Now()
	wanted := max(1, c.simulatedNodes)
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
	c.progress.Done("node Ready", time.Since(began))
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
