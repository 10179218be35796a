// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

// Protocol is a transport protocol by its IP number.
type Protocol uint8

// The protocols that a Service port can have.
const (
	TCP  Protocol = 6
	UDP  Protocol = 17
	SCTP Protocol = 132
)

// String gives the name as a Service spells it.
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case SCTP:
		return "SCTP"
	}
	return fmt.Sprintf("protocol %d", uint8(p))
}

// Frontend is what a client connects to.
type Frontend struct {
	Addr     netip.Addr
	Protocol Protocol
	Port     uint16
}

func (f Frontend) String() string {
	return fmt.Sprintf("%s %s", f.Protocol, netip.AddrPortFrom(f.Addr, f.Port))
}

// Compare orders frontends by address, protocol and port.
func (f Frontend) Compare(o Frontend) int {
	return cmp.Or(f.Addr.Compare(o.Addr), cmp.Compare(f.Protocol, o.Protocol), cmp.Compare(f.Port, o.Port))
}

// Kind says which field of the API a frontend comes from.
type Kind uint8

// Kinds of frontends. All but ClusterIP are external: their traffic obeys
// externalTrafficPolicy and is masqueraded under the policy Cluster.
const (
	ClusterIP Kind = iota
	NodePort
	ExternalIP
	LoadBalancer
	HostPort
)

// Scope selects one of the two endpoint lists of a port.
type Scope uint8

const (
	// Cluster is every endpoint that may get a connection.
	Cluster Scope = iota
	// Local is the endpoints on this node only.
	Local
	// Scopes is how many there are.
	Scopes
)

// Entry is one frontend of a port and the policy that holds for it.
type Entry struct {
	Frontend
	Kind Kind
	// Scope is the list that outside clients are sent to. Clients on this node
	// and pods of the cluster use the Cluster list of an external entry even
	// when this says Local, as Kubernetes promises.
	Scope Scope
	// Sources limits who may connect; empty means everybody.
	Sources []netip.Prefix
}

// External says whether the entry is meant for clients outside of the cluster.
func (e Entry) External() bool { return e.Kind != ClusterIP && e.Kind != HostPort }

// Endpoint is where a connection can end.
type Endpoint struct {
	Addr netip.Addr
	Port uint16
	// OnNode says that the endpoint runs on this node.
	OnNode bool
}

// Compare orders endpoints by address and port.
func (e Endpoint) Compare(o Endpoint) int {
	return cmp.Or(e.Addr.Compare(o.Addr), cmp.Compare(e.Port, o.Port))
}

// Port is one port of a Service, or one host port of a pod.
type Port struct {
	Name string
	// ID is the identity of the port: its cluster IP, protocol and port. The
	// endpoints are filed under it, whichever entry a connection came through.
	ID Frontend
	// Entries are sorted by frontend.
	Entries []Entry
	// Pools are the endpoints of each scope, sorted and without duplicates.
	Pools [Scopes][]Endpoint
	// Affinity is how long a client stays with an endpoint; 0 means not at all.
	Affinity time.Duration
}

// Unserved says that no endpoint exists anywhere: connections are refused. With
// endpoints elsewhere but an empty Local pool they are dropped instead.
func (p Port) Unserved() bool { return len(p.Pools[Cluster]) == 0 && len(p.Pools[Local]) == 0 }

// Source is the sort of object that a part of the model was made from.
type Source string

// Sources of services in the model.
const (
	FromService Source = "service"
	FromPod     Source = "pod"
)

// Key names the object that a Service of the model was made from.
type Key struct {
	Source Source
	types.NamespacedName
}

// Compare orders keys by source, namespace and name.
func (k Key) Compare(o Key) int {
	return cmp.Or(cmp.Compare(k.Source, o.Source), cmp.Compare(k.Namespace, o.Namespace), cmp.Compare(k.Name, o.Name))
}

// Service is the resolved form of one object: what the node does for it.
type Service struct {
	Key Key
	// Ports are sorted by ID.
	Ports []Port
	// HealthCheckPort is where load balancers ask whether this node has local
	// endpoints; 0 means nowhere.
	HealthCheckPort uint16
}

// Model is everything, sorted by key.
type Model struct {
	Services []*Service
}

// Node is what the rules depend on besides Services and endpoints.
type Node struct {
	Name string
	Zone string
	// Addresses are all IPv4 addresses of the node: host ports answer there.
	Addresses []netip.Addr
	// NodePortAddresses are those on which node ports answer.
	NodePortAddresses []netip.Addr
}
