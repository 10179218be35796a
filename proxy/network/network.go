// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// Config says what a node's network looks like.
type Config struct {
	// NodeBridge joins the nodes of one machine; NodeAddress is this node's
	// address on it, with the range of all nodes.
	NodeBridge  string
	NodeAddress netip.Prefix
	// PodBridge is the bridge that the CNI plugin makes for pods. It is only
	// named here so that Remove finds it.
	PodBridge string
	// ServiceCIDRs get a route, so that the node itself reaches services even
	// on a machine without a default route.
	ServiceCIDRs []netip.Prefix
}

// DefaultConfig is the network of a cluster that has the machine to itself.
func DefaultConfig() Config {
	return Config{
		NodeBridge:   "cox-nodes",
		NodeAddress:  netip.MustParsePrefix("10.245.0.1/24"),
		PodBridge:    "cox-pods",
		ServiceCIDRs: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")},
	}
}

// route leads to the pods of another node.
type route struct {
	pods netip.Prefix
	via  netip.Addr
}

func (r route) compare(o route) int {
	if c := r.pods.Compare(o.pods); c != 0 {
		return c
	}
	return r.via.Compare(o.via)
}

// wantedRoutes works out the routes to the pods of other nodes. Nodes that are
// no neighbours on any of our networks get none: there the path between nodes
// is the network's own matter. Pod ranges outside of the cluster's are a
// mistake that must not redirect anything else.
func wantedRoutes(self string, clusterCIDRs, neighbours []netip.Prefix, nodes []*corev1.Node) []route {
	var wanted []route
	for _, node := range nodes {
		if node.Name == self || node.DeletionTimestamp != nil {
			continue
		}
		via, ok := internalIP(node)
		if !ok || !slices.ContainsFunc(neighbours, func(p netip.Prefix) bool { return p.Contains(via) && p.Addr() != via }) {
			continue
		}
		pods, err := netip.ParsePrefix(node.Spec.PodCIDR)
		if err != nil || !pods.Addr().Is4() || !ours(clusterCIDRs, pods) {
			continue
		}
		wanted = append(wanted, route{pods.Masked(), via})
	}
	slices.SortFunc(wanted, route.compare)
	return slices.CompactFunc(wanted, func(a, b route) bool { return a.pods == b.pods })
}

// ours tells whether pods are those of this cluster. Another cluster of the machine keeps its own routes.
func ours(clusterCIDRs []netip.Prefix, pods netip.Prefix) bool {
	return slices.ContainsFunc(clusterCIDRs, func(p netip.Prefix) bool {
		return p.Bits() <= pods.Bits() && p.Contains(pods.Addr())
	})
}

func internalIP(node *corev1.Node) (netip.Addr, bool) {
	for _, address := range node.Status.Addresses {
		if addr, err := netip.ParseAddr(address.Address); err == nil && addr.Is4() && address.Type == corev1.NodeInternalIP {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

// holder is an interface that has an address.
type holder struct {
	name    string
	address netip.Prefix
}

// checkFree refuses addresses of nodes that another interface has already, as that of another cluster: two bridges with
// one range would take each other's packets.
func checkFree(cfg Config, here []holder) error {
	for _, one := range here {
		if one.name == cfg.NodeBridge {
			continue
		}
		if one.address.Addr() == cfg.NodeAddress.Addr() || one.address.Masked() == cfg.NodeAddress.Masked() {
			return fmt.Errorf("the addresses of nodes %s are those of network interface %s already; choose others (--node-cidr) or remove it",
				cfg.NodeAddress.Masked(), one.name)
		}
	}
	return nil
}
