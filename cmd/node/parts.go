// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"coxswain.dev/coxswain/cmd/layout"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/nodeagent"
	"coxswain.dev/coxswain/proxy"
)

// newAgent configures the node agent. The node has all ports to itself, so they are those of the kubelet.
func newAgent(n layout.Node) (lifecycle.Component, error) {
	config, err := restConfig(n.AgentKubeconfig())
	if err != nil {
		return nil, err
	}
	// The certificate of the node is for both directions.
	certificate, err := tls.X509KeyPair(config.CertData, config.KeyData)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of node %s: %w", n.Name, err)
	}
	address, err := n.Address()
	if err != nil {
		return nil, err
	}
	dns, err := n.ClusterDNS()
	if err != nil {
		return nil, err
	}
	return nodeagent.New(nodeagent.Config{
		Rest:       config,
		NodeName:   n.Name,
		NodeIPs:    []string{address.Addr().String()},
		RootDir:    string(n.Dir()),
		Containerd: n.Containerd(),
		Bridge:     n.PodBridge(),
		CgroupRoot: n.CgroupRoot(),
		ClusterDNS: []string{dns.String()},
		Addresses:  []string{net.JoinHostPort(address.Addr().String(), "10250")},
		TLS: &tls.Config{
			MinVersion:   tls.VersionTLS12,
			ClientAuth:   tls.RequestClientCert, // verified by the node's guard, which also accepts tokens
			Certificates: []tls.Certificate{certificate},
		},
		ClientCAFile:  filepath.Join(n.Layout.Dir.PKI(), "ca.crt"),
		HealthAddress: "127.0.0.1:10248",
	})
}

// newProxy configures the service proxy. The cluster's DNS is on the first node.
func newProxy(n layout.Node) (lifecycle.Component, error) {
	config, err := restConfig(n.ProxyKubeconfig())
	if err != nil {
		return nil, err
	}
	ranges, err := n.Ranges()
	if err != nil {
		return nil, err
	}
	return proxy.New(proxy.Config{
		Rest:           config,
		NodeName:       n.Name,
		Table:          n.Table(),
		ClusterCIDRs:   []netip.Prefix{ranges.Pods},
		NodeCIDRs:      []netip.Prefix{ranges.Nodes},
		ServiceCIDRs:   []netip.Prefix{ranges.Services},
		Routes:         true,
		MetricsAddress: "127.0.0.1:10249",
		HealthzAddress: "127.0.0.1:10256",
	})
}

func restConfig(file string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return nil, fmt.Errorf("reading how to reach the API server: %w", err)
	}
	config.QPS = -1 // fairness is the server's business, and it is on this machine
	config.ContentType = "application/vnd.kubernetes.protobuf"
	config.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	return config, nil
}
