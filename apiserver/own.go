// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"net"
	"net/netip"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	discoverylisters "k8s.io/client-go/listers/discovery/v1"

	"coxswain.dev/coxswain/apiserver/internal/egress"
)

// kubernetesService is the Service of the API itself, and the name of the one EndpointSlice that its servers keep.
const kubernetesService = "kubernetes"

// ownAPI knows where the API of this cluster is served, so that no object sends the server to itself or to its like,
// where the server's certificates mean more than anywhere else.
type ownAPI struct {
	// listening are the addresses of this server; the unspecified address stands for all of this machine.
	listening []netip.AddrPort
	// advertised is where members of the cluster reach this server, and service the cluster address of default/kubernetes.
	advertised netip.AddrPort
	service    netip.Addr
	// servers are all servers of the cluster, this one among them: the endpoints of Service default/kubernetes.
	servers discoverylisters.EndpointSliceNamespaceLister
	// machine returns the addresses of this machine's interfaces.
	machine func() ([]net.Addr, error)
}

// has tells whether the API is served at address. It fails on the safe side.
func (o *ownAPI) has(address netip.AddrPort) bool {
	addr := address.Addr().Unmap().WithZone("")
	if addr == o.service || addr == o.advertised.Addr() && address.Port() == o.advertised.Port() {
		return true
	}
	for _, l := range o.listening {
		if l.Port() == address.Port() && (l.Addr() == addr || l.Addr().IsUnspecified() && o.isHere(addr)) {
			return true
		}
	}
	return o.isServer(addr, address.Port())
}

// isHere tells whether addr is one of this machine's.
func (o *ownAPI) isHere(addr netip.Addr) bool {
	all, err := o.machine()
	return err != nil || slices.ContainsFunc(all, func(a net.Addr) bool {
		prefix, err := netip.ParsePrefix(a.String())
		return err == nil && prefix.Addr().Unmap().WithZone("") == addr
	})
}

// isServer tells whether another server of the cluster, or this one, has announced itself at addr and port.
func (o *ownAPI) isServer(addr netip.Addr, port uint16) bool {
	if o.servers == nil {
		return false
	}
	slice, err := o.servers.Get(kubernetesService)
	if err != nil {
		return false // nobody has announced itself
	}
	if !slices.ContainsFunc(slice.Ports, func(p discoveryv1.EndpointPort) bool { return p.Port != nil && *p.Port == int32(port) }) {
		return false
	}
	return slices.ContainsFunc(slice.Endpoints, func(e discoveryv1.Endpoint) bool {
		return slices.Contains(e.Addresses, addr.String())
	})
}

// ownAPI is found out from the open listeners, so that a port that the system chose counts.
func (b *builder) ownAPI() *ownAPI {
	own := &ownAPI{
		service: b.config.Services.CIDRs[0].Masked().Addr().Next(),
		servers: b.informers.Discovery().V1().EndpointSlices().Lister().EndpointSlices(metav1.NamespaceDefault),
		machine: net.InterfaceAddrs,
	}
	own.advertised, _ = netip.ParseAddrPort(b.generic.ExternalAddress) // an address without a port advertises nothing
	for _, l := range append([]net.Listener{b.listeners.insecure}, b.listeners.secure...) {
		if l == nil {
			continue
		}
		if tcp, ok := l.Addr().(*net.TCPAddr); ok {
			address := tcp.AddrPort()
			own.listening = append(own.listening, netip.AddrPortFrom(address.Addr().Unmap().WithZone(""), address.Port()))
		}
	}
	return own
}

// The policies for the server's ways out. The library's client of aggregated APIs and webhooks has the last.
func (b *builder) egress() (objects, agents, services egress.Policy) {
	own := b.ownAPI().has
	// What a Node, a Pod or an EndpointSlice says.
	objects = egress.Policy{Own: own, Services: b.config.Services.CIDRs}
	// Agents on this machine's loopback are reached when the administrator has listed them.
	agents = objects
	agents.Except = b.config.Kubelet.LoopbackEndpoints
	// Where an APIService or a webhook refers to a Service: registering those is an administrator's right, and while
	// they are developed they run on loopback.
	services = egress.Policy{Own: own, Loopback: true}
	return objects, agents, services
}
