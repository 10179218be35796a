// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeagent

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/component-base/version"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"

	"coxswain.dev/coxswain/nodeagent/containerd"
)

// Config of an Agent. Rest, NodeName and RootDir are needed; the rest has defaults.
type Config struct {
	// Rest reaches the API server as system:node:<NodeName>.
	Rest *rest.Config
	// NewCache makes the informers; nil makes own ones, restricted to this node.
	NewCache cache.NewCacheFunc
	// Clock is the real one when nil.
	Clock clock.WithTicker

	NodeName string
	// NodeIPs are the node's internal addresses.
	NodeIPs []string
	// PodCIDRs of the node. When empty they come from the Node object, where the controller manager puts them.
	PodCIDRs      []string
	Labels        map[string]string
	Taints        []corev1.Taint
	Unschedulable bool
	ProviderID    string
	// NoRegistration leaves it to somebody else to create the Node object.
	NoRegistration bool
	MaxPods        int
	// Reserved is kept from pods.
	Reserved corev1.ResourceList

	// RootDir holds the pods' volumes and logs.
	RootDir string
	// LogsDir holds the pods' logs; below RootDir when empty.
	LogsDir string
	// RuntimeEndpoint is a CRI v1 runtime that somebody else runs. When it is empty, the agent runs Containerd.
	RuntimeEndpoint string
	Containerd      containerd.Config
	// CNIDir is where the runtime looks for its network; that of Containerd when empty. A node on a foreign runtime and
	// without a CNIDir has its network configured by somebody else.
	CNIDir string
	// Bridge that pods hang on.
	Bridge string
	// CgroupRoot is above the cgroups of all pods.
	CgroupRoot string

	ClusterDNS     []string
	ClusterDomain  string
	ResolvConf     string
	SeccompDefault bool
	SerializePulls bool
	// A container's log is rotated at LogMaxBytes, and LogMaxFiles of it are kept.
	LogMaxBytes int64
	LogMaxFiles int
	// Unused images are removed when more than ImageGCHigh percent of the disk are used, down to ImageGCLow.
	ImageGCHigh, ImageGCLow int

	// Addresses that the node's HTTPS server listens on; empty serves none.
	Addresses []string
	TLS       *tls.Config
	// ClientCAFile verifies clients of the HTTPS server.
	ClientCAFile string
	// Anonymous lets clients without credentials ask, as system:anonymous.
	Anonymous bool
	// HealthAddress answers /healthz in plain HTTP to whoever asks, and nothing else; empty does not.
	HealthAddress string
}

const (
	// DefaultBridge, DefaultCgroupRoot and DefaultMaxPods are what Config has when it says nothing.
	DefaultBridge     = "cox-pods"
	DefaultCgroupRoot = "/coxswain"
	DefaultMaxPods    = 110
)

func (c *Config) complete() error {
	switch {
	case c.Rest == nil:
		return fmt.Errorf("the node agent needs a way to reach the API server")
	case c.NodeName == "":
		return fmt.Errorf("the node agent needs a node name")
	case c.RootDir == "":
		return fmt.Errorf("the node agent needs a root directory")
	}
	root, err := filepath.Abs(c.RootDir)
	if err != nil {
		return fmt.Errorf("making the root directory absolute: %w", err)
	}
	c.RootDir = root
	if c.NewCache == nil {
		c.NewCache = cache.New
	}
	if c.Clock == nil {
		c.Clock = clock.RealClock{}
	}
	fill := func(field *string, value string) {
		if *field == "" {
			*field = value
		}
	}
	fill(&c.LogsDir, filepath.Join(c.RootDir, "logs"))
	fill(&c.Bridge, DefaultBridge)
	fill(&c.CgroupRoot, DefaultCgroupRoot)
	fill(&c.ClusterDomain, "cluster.local")
	if c.ResolvConf == "" {
		c.ResolvConf = resolvConf()
	}
	if c.MaxPods == 0 {
		c.MaxPods = DefaultMaxPods
	}
	if c.LogMaxBytes == 0 {
		c.LogMaxBytes = 10 << 20
	}
	if c.LogMaxFiles == 0 {
		c.LogMaxFiles = 5
	}
	if c.ImageGCHigh == 0 {
		c.ImageGCHigh, c.ImageGCLow = 85, 80
	}
	if c.RuntimeEndpoint == "" {
		fill(&c.Containerd.Root, filepath.Join(c.RootDir, "containerd"))
		fill(&c.Containerd.CNIDir, filepath.Join(c.Containerd.Root, "cni"))
		fill(&c.CNIDir, c.Containerd.CNIDir)
		if c.Containerd.Clock == nil {
			c.Containerd.Clock = c.Clock
		}
	}
	return nil
}

// resolvConf is the node's resolver configuration: with systemd-resolved, the one that names real servers.
func resolvConf() string {
	const resolved = "/run/systemd/resolve/resolv.conf"
	if _, err := os.Stat(resolved); err == nil {
		return resolved
	}
	return "/etc/resolv.conf"
}

func kubeletVersion() string { return version.Get().GitVersion }
