// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"errors"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"coxswain.dev/coxswain/proxy/state"
)

// Backend is what the suite drives: the proxy's own interface, said again here
// so that a back end can be tested without the proxy.
type Backend interface {
	Sync(state.Model) error
	Apply([]state.Change) error
	Disturbed() (bool, error)
	Remove() error
	Close() error
}

// Opener opens the back end under test; it is called on a thread inside of the
// node.
type Opener func() (Backend, error)

// Run runs the suite.
func Run(t *testing.T, open Opener) {
	for _, c := range []struct {
		name string
		run  func(*testing.T, Opener)
	}{
		{"a cluster IP leads to every endpoint", testClusterIP},
		{"a node port leads to the endpoints from everywhere", testNodePort},
		{"without endpoints connections are refused", testUnserved},
		{"endpoints come and go", testEndpointChanges},
		{"a client stays with its endpoint", testAffinity},
		{"the policy Local keeps the client's address", testLocalPolicy},
		{"an endpoint reaches itself through its service", testHairpin},
		{"host ports lead to their pod", testHostPort},
		{"source ranges keep others out", testSourceRanges},
		{"a restarted back end changes nothing that is right", testRestart},
		{"a table that somebody removed comes back", testRepair},
		{"removing leaves no rules", testRemove},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, open) })
	}
}

// bench is a laboratory with a back end and the model it was given last.
type bench struct {
	*Lab
	t       *testing.T
	backend Backend
	tracker map[state.Key]*state.Service
}

func newBench(t *testing.T, open Opener) *bench {
	t.Helper()
	b := &bench{Lab: NewLab(t), t: t, tracker: map[state.Key]*state.Service{}}
	b.open(open)
	return b
}

func (b *bench) open(open Opener) {
	b.t.Helper()
	b.Node.must(func() (err error) { b.backend, err = open(); return err })
	backend := b.backend
	b.t.Cleanup(func() { _ = backend.Close() })
	b.sync()
}

func (b *bench) sync() {
	b.t.Helper()
	var model state.Model
	for _, service := range b.tracker {
		model.Services = append(model.Services, service)
	}
	if err := b.backend.Sync(model); err != nil {
		b.t.Fatalf("synchronizing: %v", err)
	}
}

// set makes a service the way it is given here.
func (b *bench) set(service *state.Service) {
	b.t.Helper()
	change := state.Change{Key: service.Key, Old: b.tracker[service.Key], New: service}
	b.tracker[service.Key] = service
	if err := b.backend.Apply([]state.Change{change}); err != nil {
		b.t.Fatalf("applying %v: %v", service.Key, err)
	}
}

// answers asks many times and counts who answered.
func (b *bench) answers(from *Host, to state.Frontend, times int) map[netip.Addr]int {
	b.t.Helper()
	count := map[netip.Addr]int{}
	for range times {
		answer, err := from.Ask(to)
		if err != nil {
			b.t.Fatalf("asking %s from %s: %v", to, from.Addr, err)
		}
		count[answer.Server]++
	}
	return count
}

// Service builds a service with one port; endpoints on the node are in both pools.
func Service(id state.Frontend, endpoints ...state.Endpoint) *state.Service {
	s := &state.Service{Key: state.Key{Source: state.FromService}, Ports: []state.Port{{
		ID:      id,
		Entries: []state.Entry{{Frontend: id, Kind: state.ClusterIP}},
		Pools:   [state.Scopes][]state.Endpoint{endpoints, nil},
	}}}
	s.Key.Namespace, s.Key.Name = "default", id.String()
	for _, endpoint := range endpoints {
		if endpoint.OnNode {
			s.Ports[0].Pools[state.Local] = append(s.Ports[0].Pools[state.Local], endpoint)
		}
	}
	return s
}

// with adds entries to the port.
func with(s *state.Service, kind state.Kind, scope state.Scope, port uint16, addrs ...netip.Addr) *state.Service {
	for _, addr := range addrs {
		s.Ports[0].Entries = append(s.Ports[0].Entries, state.Entry{
			Frontend: state.Frontend{Addr: addr, Protocol: s.Ports[0].ID.Protocol, Port: port}, Kind: kind, Scope: scope,
		})
	}
	return s
}

// Frontend builds a frontend.
func Frontend(protocol state.Protocol, addr string, port uint16) state.Frontend {
	return state.Frontend{Addr: netip.MustParseAddr(addr), Protocol: protocol, Port: port}
}

func tcp(addr netip.Addr, port uint16) state.Frontend {
	return state.Frontend{Addr: addr, Protocol: state.TCP, Port: port}
}

func udp(addr netip.Addr, port uint16) state.Frontend {
	return state.Frontend{Addr: addr, Protocol: state.UDP, Port: port}
}

func (h *Host) endpoint(port uint16) state.Endpoint {
	return state.Endpoint{Addr: h.Addr, Port: port, OnNode: true}
}

var clusterIP = netip.MustParseAddr("10.96.0.20")

func testClusterIP(t *testing.T, open Opener) {
	b := newBench(t, open)
	one, two, client := b.Pod(11), b.Pod(12), b.Pod(13)
	one.Serve(8080)
	two.Serve(8080)
	for _, id := range []state.Frontend{tcp(clusterIP, 80), udp(clusterIP, 80)} {
		b.set(Service(id, one.endpoint(8080), two.endpoint(8080)))
		for _, from := range []*Host{client, b.Node, b.Outside} {
			got := b.answers(from, id, 40)
			if got[one.Addr] == 0 || got[two.Addr] == 0 {
				t.Errorf("%s from %s: not every endpoint answered: %v", id, from.Addr, got)
			}
		}
		answer, err := client.Ask(id)
		if err != nil || answer.Client != client.Addr {
			t.Errorf("a pod's address is not kept: %v %v", answer, err)
		}
	}
}

func testNodePort(t *testing.T, open Opener) {
	b := newBench(t, open)
	server, client := b.Pod(11), b.Pod(12)
	server.Serve(8080)
	for _, protocol := range []state.Protocol{state.TCP, state.UDP} {
		id := state.Frontend{Addr: clusterIP, Protocol: protocol, Port: 80}
		b.set(with(Service(id, server.endpoint(8080)), state.NodePort, state.Cluster, 30080, Loopback, NodeAddr, GatewayAddr))
		for _, c := range []struct {
			from *Host
			to   netip.Addr
		}{{b.Node, Loopback}, {b.Node, NodeAddr}, {client, NodeAddr}, {client, GatewayAddr}, {b.Outside, NodeAddr}} {
			to := state.Frontend{Addr: c.to, Protocol: protocol, Port: 30080}
			answer, err := c.from.Ask(to)
			if err != nil {
				t.Errorf("asking %s from %s: %v", to, c.from.Addr, err)
				continue
			}
			if answer.Client != GatewayAddr {
				t.Errorf("asking %s from %s: the endpoint saw %s, want the node", to, c.from.Addr, answer.Client)
			}
		}
	}
}

func testUnserved(t *testing.T, open Opener) {
	b := newBench(t, open)
	client := b.Pod(11)
	for _, id := range []state.Frontend{tcp(clusterIP, 80), udp(clusterIP, 80)} {
		b.set(with(Service(id), state.NodePort, state.Cluster, 30080, Loopback, NodeAddr))
		for _, c := range []struct {
			from *Host
			to   state.Frontend
		}{
			{client, id}, {b.Node, id}, {b.Outside, id},
			{b.Node, state.Frontend{Addr: Loopback, Protocol: id.Protocol, Port: 30080}},
			{b.Outside, state.Frontend{Addr: NodeAddr, Protocol: id.Protocol, Port: 30080}},
			{client, state.Frontend{Addr: clusterIP, Protocol: id.Protocol, Port: 9999}}, // a port that no service has
		} {
			_, err := c.from.Ask(c.to)
			if c.from == b.Node && c.to.Protocol == state.UDP && errors.Is(err, syscall.EPERM) {
				continue // the kernel tells its own senders of datagrams at once, in its own way
			}
			if !errors.Is(err, syscall.ECONNREFUSED) {
				t.Errorf("asking %s from %s: got %v, want connection refused", c.to, c.from.Addr, err)
			}
		}
	}
}

func testEndpointChanges(t *testing.T, open Opener) {
	b := newBench(t, open)
	client := b.Pod(10)
	id := tcp(clusterIP, 80)
	var pods []*Host
	var endpoints []state.Endpoint
	b.set(Service(id))
	for i := range 4 {
		pod := b.Pod(byte(11 + i))
		pod.Serve(8080)
		pods = append(pods, pod)
		endpoints = append(endpoints, pod.endpoint(8080))
		b.set(Service(id, endpoints...))
		if got := b.answers(client, id, 60); len(got) != len(endpoints) {
			t.Errorf("with %d endpoints, %d answered: %v", len(endpoints), len(got), got)
		}
	}
	for len(endpoints) > 1 {
		gone := endpoints[0].Addr
		endpoints = endpoints[1:]
		b.set(Service(id, endpoints...))
		if got := b.answers(client, id, 60); got[gone] != 0 || len(got) != len(endpoints) {
			t.Errorf("after %s went, of %d endpoints these answered: %v", gone, len(endpoints), got)
		}
	}
	b.set(Service(id))
	if _, err := client.Ask(id); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("after the last endpoint went: got %v, want connection refused", err)
	}
}

func testAffinity(t *testing.T, open Opener) {
	b := newBench(t, open)
	one, two, three, client := b.Pod(11), b.Pod(12), b.Pod(13), b.Pod(14)
	hosts := []*Host{one, two, three}
	id := tcp(clusterIP, 80)
	var endpoints []state.Endpoint
	for _, host := range hosts {
		host.Serve(8080)
		endpoints = append(endpoints, host.endpoint(8080))
	}
	sticky := func(endpoints ...state.Endpoint) *state.Service {
		s := with(Service(id, endpoints...), state.NodePort, state.Cluster, 30080, NodeAddr)
		s.Ports[0].Affinity = 2 * time.Second
		return s
	}
	b.set(sticky(endpoints...))
	first := b.answers(client, id, 20)
	if len(first) != 1 {
		t.Fatalf("one client reached several endpoints: %v", first)
	}
	if got := b.answers(client, tcp(NodeAddr, 30080), 10); len(got) != 1 {
		t.Errorf("one client reached several endpoints through the node port: %v", got)
	}
	var left []state.Endpoint
	for _, endpoint := range endpoints {
		if first[endpoint.Addr] == 0 {
			left = append(left, endpoint)
		}
	}
	b.set(sticky(left...))
	second := b.answers(client, id, 20)
	if len(second) != 1 || second[left[0].Addr]+second[left[1].Addr] != 20 {
		t.Errorf("after its endpoint went, the client reached %v", second)
	}
	// Forgotten after the timeout: sooner or later another endpoint is picked.
	deadline := time.Now().Add(40 * time.Second)
	for {
		<-time.After(2100 * time.Millisecond)
		answer, err := client.Ask(id)
		if err != nil {
			t.Fatal(err)
		}
		if second[answer.Server] == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the client's endpoint was never forgotten")
		}
	}
}

func testLocalPolicy(t *testing.T, open Opener) {
	b := newBench(t, open)
	local, elsewhere, client := b.Pod(11), b.Pod(12), b.Pod(13)
	local.Serve(8080)
	elsewhere.Serve(8080)
	id := tcp(clusterIP, 80)
	remote := elsewhere.endpoint(8080)
	remote.OnNode = false
	b.set(with(Service(id, local.endpoint(8080), remote), state.NodePort, state.Local, 30080, NodeAddr))
	for range 20 {
		answer, err := b.Outside.Ask(tcp(NodeAddr, 30080))
		if err != nil {
			t.Fatal(err)
		}
		if answer.Server != local.Addr || answer.Client != OutsideAddr {
			t.Fatalf("from outside: %v answered and saw %v", answer.Server, answer.Client)
		}
	}
	for _, from := range []*Host{client, b.Node} {
		if got := b.answers(from, tcp(NodeAddr, 30080), 40); len(got) != 2 {
			t.Errorf("from %s inside of the cluster only %v answered", from.Addr, got)
		}
	}
	b.set(with(Service(id, remote), state.NodePort, state.Local, 30080, NodeAddr))
	var timeout interface{ Timeout() bool }
	if _, err := b.Outside.Ask(tcp(NodeAddr, 30080)); !errors.As(err, &timeout) || !timeout.Timeout() {
		t.Errorf("without a local endpoint: got %v, want silence", err)
	}
	if _, err := client.Ask(tcp(NodeAddr, 30080)); err != nil {
		t.Errorf("without a local endpoint a pod still reaches the others: %v", err)
	}
	// internalTrafficPolicy: Local
	inner := Service(id, local.endpoint(8080), remote)
	inner.Ports[0].Entries[0].Scope = state.Local
	b.set(inner)
	if got := b.answers(client, id, 20); got[local.Addr] != 20 {
		t.Errorf("internal policy Local reached %v", got)
	}
}

func testHairpin(t *testing.T, open Opener) {
	b := newBench(t, open)
	pod := b.Pod(11)
	pod.Serve(8080)
	other := Service(tcp(netip.MustParseAddr("10.96.0.21"), 80), pod.endpoint(8080))
	for _, id := range []state.Frontend{tcp(clusterIP, 80), udp(clusterIP, 80)} {
		b.set(Service(id, pod.endpoint(8080)))
		b.set(other)
		if _, err := pod.Ask(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		other.Key.Name += " again"
	}
	// What two services share stays until the last of them has gone.
	b.set(Service(udp(clusterIP, 80)))
	if _, err := pod.Ask(tcp(clusterIP, 80)); err != nil {
		t.Errorf("after another service lost the endpoint: %v", err)
	}
}

func testHostPort(t *testing.T, open Opener) {
	b := newBench(t, open)
	pod, client := b.Pod(11), b.Pod(12)
	pod.Serve(8080)
	s := Service(tcp(pod.Addr, 8888), pod.endpoint(8080))
	s.Key.Source = state.FromPod
	s.Ports[0].Entries = nil
	b.set(with(s, state.HostPort, state.Cluster, 8888, Loopback, NodeAddr, outsideGateway))
	for _, c := range []struct {
		from *Host
		to   netip.Addr
		seen netip.Addr
	}{{b.Node, Loopback, GatewayAddr}, {b.Outside, outsideGateway, OutsideAddr}, {client, NodeAddr, client.Addr}} {
		answer, err := c.from.Ask(tcp(c.to, 8888))
		if err != nil || answer.Client != c.seen {
			t.Errorf("asking %s from %s: %v, %v", c.to, c.from.Addr, answer, err)
		}
	}
}

func testSourceRanges(t *testing.T, open Opener) {
	b := newBench(t, open)
	pod, client := b.Pod(11), b.Pod(12)
	pod.Serve(8080)
	address := netip.MustParseAddr("10.96.200.1")
	s := with(Service(tcp(clusterIP, 80), pod.endpoint(8080)), state.LoadBalancer, state.Cluster, 80, address)
	s.Ports[0].Entries[1].Sources = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/28"), netip.MustParsePrefix("198.51.100.0/24")}
	b.set(s)
	if _, err := b.Outside.Ask(tcp(address, 80)); err != nil {
		t.Errorf("from an allowed source: %v", err)
	}
	if _, err := client.Ask(tcp(address, 80)); err == nil {
		t.Error("a source that is not allowed got an answer")
	}
	if _, err := client.Ask(tcp(clusterIP, 80)); err != nil {
		t.Errorf("ranges must not touch the cluster IP: %v", err)
	}
}

func testRestart(t *testing.T, open Opener) {
	b := newBench(t, open)
	one, client := b.Pod(11), b.Pod(12)
	one.Serve(8080)
	id := tcp(clusterIP, 80)
	gone := tcp(netip.MustParseAddr("10.96.0.99"), 80)
	b.set(Service(id, one.endpoint(8080)))
	b.set(Service(gone, one.endpoint(8080), one.endpoint(8081)))
	if err := b.backend.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Ask(id); err != nil {
		t.Fatalf("while no back end runs: %v", err)
	}
	delete(b.tracker, Service(gone).Key)
	b.open(open)
	if _, err := client.Ask(id); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	if _, err := client.Ask(gone); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a service that went meanwhile: got %v, want connection refused", err)
	}
}

func testRepair(t *testing.T, open Opener) {
	b := newBench(t, open)
	one, client := b.Pod(11), b.Pod(12)
	one.Serve(8080)
	id := tcp(clusterIP, 80)
	b.set(Service(id, one.endpoint(8080)))
	if disturbed, err := b.backend.Disturbed(); err != nil || disturbed {
		t.Errorf("disturbed before anything happened: %v %v", disturbed, err)
	}
	var vandal Backend
	b.Node.must(func() (err error) { vandal, err = open(); return err })
	defer vandal.Close()
	if err := vandal.Remove(); err != nil {
		t.Fatal(err)
	}
	if disturbed, err := b.backend.Disturbed(); err != nil || !disturbed {
		t.Errorf("the removal went unnoticed: %v %v", disturbed, err)
	}
	b.sync()
	if _, err := client.Ask(id); err != nil {
		t.Errorf("after the repair: %v", err)
	}
}

func testRemove(t *testing.T, open Opener) {
	b := newBench(t, open)
	one, client := b.Pod(11), b.Pod(12)
	one.Serve(8080)
	id := tcp(clusterIP, 80)
	b.set(Service(id, one.endpoint(8080)))
	for range 2 { // twice: removing what is gone is no error
		if err := b.backend.Remove(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Ask(id); err == nil {
		t.Error("the service still answers")
	}
}
