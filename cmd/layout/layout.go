// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package layout says where the parts of a cluster on this machine have their folders and kernel objects, so that `up`,
// which makes them, and `down`, which removes them, cannot disagree.
//
//	layout.go  what the cluster has once
//	node.go    what each of its nodes has
package layout

import (
	"fmt"
	"net/netip"
	"path/filepath"

	"coxswain.dev/coxswain/internal/instance"
	"coxswain.dev/coxswain/proxy"
	"coxswain.dev/coxswain/proxy/network"
)

// Layout is the layout of one cluster.
type Layout struct {
	Dir    instance.Dir
	Record instance.Record
}

// Nodes are the real nodes of this machine, the first one before the others.
func (l Layout) Nodes() []Node {
	names := l.Record.NodeNames()
	nodes := make([]Node, 0, len(names))
	for i, name := range names {
		nodes = append(nodes, Node{Layout: l, Number: i + 1, Name: name})
	}
	return nodes
}

// First is the node that runs in the main process and in the machine's own namespaces.
func (l Layout) First() Node { return Node{Layout: l, Number: 1, Name: l.Record.NodeName} }

// prefix is what the names of network interfaces begin with.
func (l Layout) prefix() string { return instance.Prefix(l.Record.Name) }

// Handles is the folder through which the namespaces of further nodes are kept and found again.
func (l Layout) Handles() string { return filepath.Join(l.Record.RunDir, "ns") }

// PodBridge is the bridge that pods hang on. Each node has one of that name.
func (l Layout) PodBridge() string { return l.prefix() + "-pods" }

// Network is the network of the first node and the bridge that all nodes hang on.
func (l Layout) Network() (network.Config, error) {
	ranges, err := l.Ranges()
	if err != nil {
		return network.Config{}, err
	}
	address, err := l.First().Address()
	if err != nil {
		return network.Config{}, err
	}
	return network.Config{
		NodeBridge:   l.prefix() + "-nodes",
		PodBridge:    l.PodBridge(),
		NodeAddress:  address,
		ServiceCIDRs: []netip.Prefix{ranges.Services},
	}, nil
}

// Registries is the folder in which containerd looks, at each pull, for HOST/hosts.toml: mirrors and credentials of the
// image registry HOST. It need not exist.
func (l Layout) Registries() string { return l.Dir.Path("registries") }

// Table is the nftables table of the service proxy. Each node has one of that name.
func (l Layout) Table() string {
	if l.Record.Name == "coxswain" {
		return proxy.DefaultTable
	}
	return proxy.DefaultTable + "-" + l.Record.Name
}

// Ranges are the addresses of a cluster.
type Ranges struct{ Pods, Nodes, Services netip.Prefix }

// Ranges reads them from the record.
func (l Layout) Ranges() (Ranges, error) {
	var ranges Ranges
	for _, one := range []struct {
		what, text string
		into       *netip.Prefix
	}{
		{"cluster CIDR", l.Record.PodCIDR, &ranges.Pods},
		{"node CIDR", l.Record.NodeCIDR, &ranges.Nodes},
		{"service CIDR", l.Record.ServiceCIDR, &ranges.Services},
	} {
		prefix, err := netip.ParsePrefix(one.text)
		if err != nil {
			return ranges, fmt.Errorf("reading the %s of the cluster's record: %w", one.what, err)
		}
		*one.into = prefix.Masked()
	}
	return ranges, nil
}

// ClusterDNS is the cluster IP of the name server: the tenth, as is usual.
func (l Layout) ClusterDNS() (netip.Addr, error) {
	ranges, err := l.Ranges()
	return nth(ranges.Services, 10), err
}

// nth is the address n places after the network's own.
func nth(prefix netip.Prefix, n int) netip.Addr {
	address := prefix.Addr()
	for range n {
		address = address.Next()
	}
	return address
}
