// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables_test

import (
	"net/netip"
	"testing"

	"coxswain.dev/coxswain/proxy/backendtest"
	"coxswain.dev/coxswain/proxy/nftables"
)

func settings() nftables.Settings {
	return nftables.Settings{
		Table:        "coxswain",
		ClusterCIDRs: []netip.Prefix{backendtest.PodCIDR},
		NodeCIDRs:    []netip.Prefix{backendtest.NodeCIDR},
		ServiceCIDRs: []netip.Prefix{backendtest.ServiceCIDR},
	}
}

func TestBackend(t *testing.T) {
	backendtest.Run(t, func() (backendtest.Backend, error) { return nftables.New(settings()) })
}
