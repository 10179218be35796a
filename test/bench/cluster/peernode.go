// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"coxswain.dev/coxswain/nodeagent/cleanup"
	"coxswain.dev/coxswain/nodeagent/containerd"
	podnetwork "coxswain.dev/coxswain/nodeagent/network"
	"coxswain.dev/coxswain/proxy/network"
	"coxswain.dev/coxswain/test/env"
)

const (
	nodeName    = "bench"
	nodeAddress = "10.239.0.1"
	nodeRange   = nodeAddress + "/24"
	// stateDir is short, since the sockets of containers' shims lie below it.
	stateDir = "/run/coxswain/bench-peer"
)

// PeerNode is what the peer's node stands on: our containerd, with its network configuration in place, and a bridge with
// the node's address, since kubelet refuses one of loopback.
type PeerNode struct {
	dir     string
	runtime containerd.Config
	bridges network.Config
	stop    func() error
	sysctls map[string]string
}

// NewPeerNode makes all of that and returns when containerd answers.
func NewPeerNode(ctx context.Context, dir string) (_ *PeerNode, retErr error) {
	root := filepath.Join(dir, "containerd")
	n := &PeerNode{
		dir:     dir,
		runtime: containerd.Config{Root: root, State: stateDir, CNIDir: filepath.Join(root, "cni")},
		bridges: network.Config{NodeBridge: "coxbp-nodes", PodBridge: "coxbp-pods", NodeAddress: netip.MustParsePrefix(nodeRange)},
		stop:    func() error { return nil },
		sysctls: readSysctls(),
	}
	defer func() {
		if retErr != nil {
			retErr = errors.Join(retErr, n.Remove())
		}
	}()
	if err := network.Setup(n.bridges); err != nil {
		return nil, err
	}
	cni := podnetwork.CNI{Dir: n.runtime.CNIDir, Bridge: n.bridges.PodBridge, DataDir: filepath.Join(dir, "addresses")}
	if _, err := cni.Write([]string{"10.232.0.0/24"}); err != nil {
		return nil, err
	}
	daemon, err := containerd.New(n.runtime)
	if err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- daemon.Start(running) }()
	n.stop = func() error {
		cancel()
		return <-ended
	}
	select {
	case <-daemon.Ready():
		return n, nil
	case err := <-ended:
		ended <- nil
		return nil, fmt.Errorf("starting containerd: %w", err)
	case <-ctx.Done():
		return nil, fmt.Errorf("starting containerd: %w", ctx.Err())
	}
}

// kubeletDir is kubelet's own folder, which it mounts on itself.
func (n *PeerNode) kubeletDir() string { return filepath.Join(n.dir, "kubelet") }

// StartKubelet starts kubelet as the node of a. It makes no cgroups for pods, since no pod runs in what is measured.
func (n *PeerNode) StartKubelet(a *Apart, program string) error {
	pair, err := a.PKI.Node(nodeName, []string{nodeAddress}, time.Now())
	if err != nil {
		return err
	}
	kubeconfig, err := a.WriteKubeconfig("kubelet", pair)
	if err != nil {
		return err
	}
	port, err := env.FreePort()
	if err != nil {
		return err
	}
	config := filepath.Join(n.dir, "kubelet.yaml")
	text := fmt.Sprintf(`apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: %d
healthzPort: 0
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
oomScoreAdj: 0
containerRuntimeEndpoint: %q
clusterDomain: cluster.local
clusterDNS: [10.233.0.10]
tlsCertFile: %q
tlsPrivateKeyFile: %q
authentication:
  x509: {clientCAFile: %q}
`, port, n.runtime.Endpoint(), pair.CertFile(), pair.KeyFile(), a.PKI.CA.CertFile())
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return err
	}
	return a.Start("kubelet", program, "--config="+config, "--kubeconfig="+kubeconfig, "--hostname-override="+nodeName,
		"--node-ip="+nodeAddress, "--root-dir="+n.kubeletDir(), "--cert-dir="+filepath.Join(n.dir, "kubelet-certs"))
}

// Remove takes everything off the machine again, the settings of the kernel included that kubelet changes.
func (n *PeerNode) Remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute) // the scenario's may be over
	defer cancel()
	err := n.stop()
	n.stop = func() error { return nil }
	return errors.Join(err,
		cleanup.Node(ctx, cleanup.Config{RootDir: n.kubeletDir(), Containerd: n.runtime, Bridge: n.bridges.PodBridge, Purge: true}),
		network.Remove(n.bridges),
		writeSysctls(n.sysctls))
}

// readSysctls reads the settings of the kernel that kubelet changes when they are not as it likes them.
func readSysctls() map[string]string {
	values := map[string]string{}
	for _, name := range []string{"vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops", "kernel/keys/root_maxkeys", "kernel/keys/root_maxbytes"} {
		if value, err := os.ReadFile(filepath.Join("/proc/sys", name)); err == nil {
			values[name] = string(value)
		}
	}
	return values
}

func writeSysctls(values map[string]string) error {
	var failures []error
	for name, value := range values {
		file := filepath.Join("/proc/sys", name)
		if now, err := os.ReadFile(file); err == nil && string(now) == value {
			continue
		}
		if err := os.WriteFile(file, []byte(value), 0o644); err != nil {
			failures = append(failures, fmt.Errorf("setting %s back: %w", name, err))
		}
	}
	return errors.Join(failures...)
}
