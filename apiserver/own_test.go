// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"
)

// serversAt is the slice of Service default/kubernetes.
func serversAt(t *testing.T, port int32, addresses ...string) discoverylisters.EndpointSliceNamespaceLister {
	t.Helper()
	indexer := cache.NewIndexer(cache.MetaNamespaceKeyFunc, cache.Indexers{cache.NamespaceIndex: cache.MetaNamespaceIndexFunc})
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceDefault, Name: "kubernetes"},
		Ports:      []discoveryv1.EndpointPort{{Port: ptr.To(port)}},
	}
	for _, a := range addresses {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{Addresses: []string{a}})
	}
	if err := indexer.Add(slice); err != nil {
		t.Fatal(err)
	}
	return discoverylisters.NewEndpointSliceLister(indexer).EndpointSlices(metav1.NamespaceDefault)
}

func interfaces(addresses ...string) func() ([]net.Addr, error) {
	return func() ([]net.Addr, error) {
		var all []net.Addr
		for _, a := range addresses {
			ip, network, err := net.ParseCIDR(a)
			if err != nil {
				return nil, err
			}
			all = append(all, &net.IPNet{IP: ip, Mask: network.Mask})
		}
		return all, nil
	}
}

func TestOwnAPI(t *testing.T) {
	address := netip.MustParseAddrPort
	up := &ownAPI{
		listening:  []netip.AddrPort{address("127.0.0.1:6443"), address("10.245.0.1:6443")},
		advertised: address("10.245.0.1:6443"), service: netip.MustParseAddr("10.96.0.1"),
		machine: interfaces("127.0.0.1/8", "10.245.0.1/24"),
	}
	everywhere := &ownAPI{
		listening:  []netip.AddrPort{address("[::]:6443"), address("127.0.0.1:8080")},
		advertised: address("203.0.113.7:443"), service: netip.MustParseAddr("10.96.0.1"),
		servers: serversAt(t, 6443, "192.0.2.1", "192.0.2.2"),
		machine: interfaces("127.0.0.1/8", "192.0.2.1/24", "fd00::5/64", "::1/128"),
	}
	blind := &ownAPI{
		listening: []netip.AddrPort{address("0.0.0.0:6443")},
		machine:   func() ([]net.Addr, error) { return nil, errors.New("out of descriptors") },
	}
	for name, c := range map[string]struct {
		own     *ownAPI
		yes, no []string
	}{
		"a server on two addresses": {up,
			[]string{"127.0.0.1:6443", "10.245.0.1:6443", "[::ffff:10.245.0.1]:6443", "10.96.0.1:443", "10.96.0.1:80"},
			[]string{"10.245.0.1:10250", "10.245.0.2:6443", "127.0.0.2:6443", "10.96.0.2:443"}},
		"a server on all addresses, behind another, of several": {everywhere,
			[]string{"192.0.2.1:6443", "192.0.2.2:6443", "[fd00::5]:6443", "[fd00::5%eth0]:6443", "203.0.113.7:443", "127.0.0.1:8080"},
			[]string{"192.0.2.1:10250", "192.0.2.2:443", "192.0.2.3:6443", "203.0.113.7:6443", "192.0.2.1:8080"}},
		"a server that can't tell its addresses takes all for its own": {blind, []string{"192.0.2.9:6443"}, []string{"192.0.2.9:6444"}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, a := range c.yes {
				if !c.own.has(address(a)) {
					t.Errorf("%s is not its own", a)
				}
			}
			for _, a := range c.no {
				if c.own.has(address(a)) {
					t.Errorf("%s is its own", a)
				}
			}
		})
	}
}
