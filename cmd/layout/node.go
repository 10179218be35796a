// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package layout

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"strconv"

	"coxswain.dev/coxswain/internal/instance"
	"coxswain.dev/coxswain/nodeagent/cleanup"
	"coxswain.dev/coxswain/nodeagent/containerd"
	"coxswain.dev/coxswain/proxy/network"
)

// Node is one real node of the cluster on this machine.
type Node struct {
	Layout
	// Number counts from 1.
	Number int
	Name   string
}

// Dir is the root folder of the node.
func (n Node) Dir() instance.Dir { return instance.Dir(n.Layout.Dir.Path("node", n.Name)) }

// suffix tells the kernel objects of further nodes from those of the first, which have plain names.
func (n Node) suffix() string {
	if n.Number == 1 {
		return ""
	}
	return strconv.Itoa(n.Number)
}

// Containerd is the configuration of the node's containerd.
func (n Node) Containerd() containerd.Config {
	root := n.Dir().Path("containerd")
	log := n.Layout.Dir.Path("containerd.log")
	if n.Number > 1 {
		log = n.Dir().Path("containerd.log")
	}
	return containerd.Config{
		Root:        root,
		State:       filepath.Join(n.Record.RunDir, "c"+n.suffix()),
		BinDir:      n.Layout.Dir.Path("bin"),
		CNIDir:      root + "/cni",
		RegistryDir: n.Registries(),
		LogFile:     log,
	}
}

// Socket is where the node's containerd listens.
func (n Node) Socket() string {
	config := n.Containerd()
	return config.Socket()
}

// CgroupRoot is above the cgroups of all pods of the node. A cluster's name holds no dot, so that no two are the same.
func (n Node) CgroupRoot() string {
	root := "/coxswain"
	if n.Record.Name != "coxswain" {
		root += "-" + n.Record.Name
	}
	if n.Number > 1 {
		root += "." + n.suffix()
	}
	return root
}

// Address is the node's address, with the range of all nodes.
func (n Node) Address() (netip.Prefix, error) {
	ranges, err := n.Ranges()
	if err != nil {
		return netip.Prefix{}, err
	}
	own := nth(ranges.Nodes, n.Number)
	if !ranges.Nodes.Contains(own) {
		return netip.Prefix{}, fmt.Errorf("the node CIDR %s has no address for node %d", ranges.Nodes, n.Number)
	}
	return netip.PrefixFrom(own, ranges.Nodes.Bits()), nil
}

// Cable joins a further node to the bridge of all nodes.
func (n Node) Cable() (network.Cable, error) {
	ranges, err := n.Ranges()
	if err != nil {
		return network.Cable{}, err
	}
	address, err := n.Address()
	if err != nil {
		return network.Cable{}, err
	}
	return network.Cable{
		Bridge:       n.prefix() + "-nodes",
		Outer:        n.prefix() + "-n" + n.suffix(),
		Inner:        "eth0",
		Address:      address,
		Gateway:      nth(ranges.Nodes, 1),
		ServiceCIDRs: []netip.Prefix{ranges.Services},
	}, nil
}

// AgentKubeconfig and ProxyKubeconfig are how the parts of a further node reach the API server.
func (n Node) AgentKubeconfig() string { return n.Dir().Path("agent.conf") }

// ProxyKubeconfig is the service proxy's.
func (n Node) ProxyKubeconfig() string { return n.Dir().Path("proxy.conf") }

// Cleanup is what to remove of the node; purge removes its folder, images included.
func (n Node) Cleanup(purge bool) cleanup.Config {
	return cleanup.Config{
		RootDir:    string(n.Dir()),
		Containerd: n.Containerd(),
		CgroupRoot: n.CgroupRoot(),
		Bridge:     n.PodBridge(),
		Purge:      purge,
	}
}
