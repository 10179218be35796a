// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package layout says where the parts of a cluster on this machine have their folders and kernel objects, so that `up`,
// which makes them, and `down`, which removes them, cannot disagree.
package layout

import (
	"fmt"
	"net/netip"

	"coxswain.dev/coxswain/internal/instance"
	"coxswain.dev/coxswain/nodeagent/cleanup"
	"coxswain.dev/coxswain/nodeagent/containerd"
	"coxswain.dev/coxswain/proxy"
	"coxswain.dev/coxswain/proxy/network"
)

// Layout is the layout of one cluster.
type Layout struct {
	Dir    instance.Dir
	Record instance.Record
}

// NodeDir is the root folder of the first node.
func (l Layout) NodeDir() string { return l.Dir.Path("node", l.Record.NodeName) }

// Containerd is the configuration of the first node's containerd.
func (l Layout) Containerd() containerd.Config {
	root := l.Dir.Path("node", l.Record.NodeName, "containerd")
	return containerd.Config{
		Root:    root,
		State:   instance.ContainerdState(l.Record.RunDir),
		BinDir:  l.Dir.Path("bin"),
		CNIDir:  root + "/cni",
		LogFile: l.Dir.Path("containerd.log"),
	}
}

// CgroupRoot is above the cgroups of all pods.
func (l Layout) CgroupRoot() string {
	if l.Record.Name == "coxswain" {
		return "/coxswain"
	}
	return "/coxswain-" + l.Record.Name
}

// PodBridge is the bridge that pods hang on.
func (l Layout) PodBridge() string { return instance.Prefix(l.Record.Name) + "-pods" }

// Network is the node network.
func (l Layout) Network() (network.Config, error) {
	nodes, err := netip.ParsePrefix(l.Record.NodeCIDR)
	if err != nil {
		return network.Config{}, fmt.Errorf("reading the cluster's record: %w", err)
	}
	services, err := netip.ParsePrefix(l.Record.ServiceCIDR)
	if err != nil {
		return network.Config{}, fmt.Errorf("reading the cluster's record: %w", err)
	}
	return network.Config{
		NodeBridge:   instance.Prefix(l.Record.Name) + "-nodes",
		PodBridge:    l.PodBridge(),
		NodeAddress:  netip.PrefixFrom(nodes.Addr().Next(), nodes.Bits()),
		ServiceCIDRs: []netip.Prefix{services},
	}, nil
}

// Table is the nftables table of the service proxy.
func (l Layout) Table() string {
	if l.Record.Name == "coxswain" {
		return proxy.DefaultTable
	}
	return proxy.DefaultTable + "-" + l.Record.Name
}

// Cleanup is what to remove of the first node; purge removes its folder, images included.
func (l Layout) Cleanup(purge bool) cleanup.Config {
	return cleanup.Config{
		RootDir:    l.NodeDir(),
		Containerd: l.Containerd(),
		CgroupRoot: l.CgroupRoot(),
		Bridge:     l.PodBridge(),
		Purge:      purge,
	}
}
