// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"coxswain.dev/coxswain/proxy/state"
)

var (
	nodeAddr = addr("10.245.0.1")
	loopback = addr("127.0.0.1")
	outside  = addr("192.0.2.9")
	podHere  = addr("10.244.0.5")
	podThere = addr("10.244.1.5")

	testSettings = Settings{
		Table:        "test",
		ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")},
		NodeCIDRs:    []netip.Prefix{netip.MustParsePrefix("10.245.0.0/24")},
		ServiceCIDRs: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")},
	}
)

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

func front(text string, port uint16) state.Frontend {
	return state.Frontend{Addr: addr(text), Protocol: state.TCP, Port: port}
}

func oneService(port state.Port) state.Model {
	key := state.Key{Source: state.FromService}
	key.Namespace, key.Name = "default", "web"
	return state.Model{Services: []*state.Service{{Key: key, Ports: []state.Port{port}}}}
}

// webPort has two endpoints, one of them here, and a node port.
func webPort(edit func(*state.Port)) state.Port {
	here, there := state.Endpoint{Addr: podHere, Port: 8080, OnNode: true}, state.Endpoint{Addr: podThere, Port: 8080}
	id := front("10.96.0.20", 80)
	port := state.Port{
		ID:      id,
		Entries: []state.Entry{{Frontend: id}, {Frontend: front("10.245.0.1", 30080), Kind: state.NodePort}, {Frontend: front("127.0.0.1", 30080), Kind: state.NodePort}},
		Pools:   [state.Scopes][]state.Endpoint{{here, there}, {here}},
	}
	if edit != nil {
		edit(&port)
	}
	return port
}

// fates sends a connection once for every endpoint it may be given and lists
// what becomes of it, without repetitions.
func fates(tr *tracer, p packet) string {
	p.protocol = state.TCP
	var all []string
	for tr.random = range uint32(4) {
		all = append(all, tr.send(p).outcome())
	}
	slices.Sort(all)
	return strings.Join(slices.Compact(all), ", ")
}

func TestWhatBecomesOfConnections(t *testing.T) {
	const both, bothMasqueraded = "→ 10.244.0.5:8080, → 10.244.1.5:8080", "→ 10.244.0.5:8080 masqueraded, → 10.244.1.5:8080 masqueraded"
	localPolicy := func(p *state.Port) { p.Entries[1].Scope, p.Entries[2].Scope = state.Local, state.Local }
	type sent struct {
		from, to netip.Addr
		port     uint16
		want     string
	}
	for name, c := range map[string]struct {
		edit func(*state.Port)
		sent []sent
	}{
		"an ordinary service": {sent: []sent{
			{addr("10.244.0.7"), addr("10.96.0.20"), 80, both},
			{podHere, addr("10.96.0.20"), 80, "→ 10.244.0.5:8080 masqueraded, → 10.244.1.5:8080"}, // hairpin
			{nodeAddr, addr("10.96.0.20"), 80, bothMasqueraded},
			{outside, addr("10.96.0.20"), 80, bothMasqueraded},
			{outside, nodeAddr, 30080, bothMasqueraded},
			{loopback, loopback, 30080, bothMasqueraded},
			{addr("10.244.0.7"), nodeAddr, 30080, bothMasqueraded},
			{outside, nodeAddr, 30081, "untouched"},
			{outside, addr("10.96.0.20"), 81, "refused"},
			{outside, addr("10.96.7.7"), 80, "refused"},
		}},
		"the policy Local outside": {edit: localPolicy, sent: []sent{
			{outside, nodeAddr, 30080, "→ 10.244.0.5:8080"},
			{addr("10.244.0.7"), nodeAddr, 30080, both},
			{loopback, loopback, 30080, bothMasqueraded},
			{outside, addr("10.96.0.20"), 80, bothMasqueraded},
		}},
		"the policy Local outside, nothing here": {
			edit: func(p *state.Port) { localPolicy(p); p.Pools[state.Local] = nil },
			sent: []sent{{outside, nodeAddr, 30080, "dropped"}, {addr("10.244.0.7"), nodeAddr, 30080, both}},
		},
		"the policy Local inside": {
			edit: func(p *state.Port) { p.Entries[0].Scope = state.Local },
			sent: []sent{{addr("10.244.0.7"), addr("10.96.0.20"), 80, "→ 10.244.0.5:8080"}, {outside, nodeAddr, 30080, bothMasqueraded}},
		},
		"the policy Local inside, nothing here": {
			edit: func(p *state.Port) { p.Entries[0].Scope = state.Local; p.Pools[state.Local] = nil },
			sent: []sent{{addr("10.244.0.7"), addr("10.96.0.20"), 80, "dropped"}, {nodeAddr, addr("10.96.0.20"), 80, "dropped"}},
		},
		"no endpoints": {
			edit: func(p *state.Port) { p.Pools = [state.Scopes][]state.Endpoint{} },
			sent: []sent{
				{addr("10.244.0.7"), addr("10.96.0.20"), 80, "refused"}, {nodeAddr, addr("10.96.0.20"), 80, "refused"},
				{outside, nodeAddr, 30080, "refused"}, {loopback, loopback, 30080, "refused"},
			},
		},
		"source ranges": {
			edit: func(p *state.Port) {
				p.Entries[1] = state.Entry{Frontend: front("203.0.113.9", 80), Kind: state.LoadBalancer, Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.8/29")}}
			},
			sent: []sent{
				{outside, addr("203.0.113.9"), 80, bothMasqueraded}, {addr("192.0.2.16"), addr("203.0.113.9"), 80, "dropped"},
				{addr("192.0.2.16"), addr("10.96.0.20"), 80, bothMasqueraded},
			},
		},
		"no service at all": {sent: []sent{
			{podHere, outside, 443, "untouched masqueraded"},            // pods leave the cluster as the node
			{addr("10.245.0.2"), outside, 443, "untouched masqueraded"}, // and so do nodes behind this one
			{addr("10.245.0.2"), podHere, 8080, "untouched"},
			{podHere, addr("10.245.0.2"), 10250, "untouched"},
			{podHere, podThere, 443, "untouched"},
			{podHere, addr("10.245.0.2"), 443, "untouched"},
			{outside, podHere, 443, "untouched"},
			{outside, loopback, 10248, "dropped"}, // a neighbour looking into loopback
			{addr("127.0.0.9"), podHere, 80, "dropped"},
		}},
		"an endpoint on the node itself": {
			edit: func(p *state.Port) {
				p.Pools = [state.Scopes][]state.Endpoint{{{Addr: nodeAddr, Port: 6443, OnNode: true}}, {{Addr: nodeAddr, Port: 6443, OnNode: true}}}
			},
			sent: []sent{
				{podHere, addr("10.96.0.20"), 80, "→ 10.245.0.1:6443"}, {outside, nodeAddr, 30080, "→ 10.245.0.1:6443"},
				{nodeAddr, addr("10.96.0.20"), 80, "→ 10.245.0.1:6443 masqueraded"},
			},
		},
		"a host port": {
			edit: func(p *state.Port) {
				p.ID = front("10.244.0.5", 8888)
				p.Entries = []state.Entry{{Frontend: front("192.0.2.1", 8888), Kind: state.HostPort}}
				p.Pools = [state.Scopes][]state.Endpoint{p.Pools[state.Local], p.Pools[state.Local]}
			},
			sent: []sent{{outside, addr("192.0.2.1"), 8888, "→ 10.244.0.5:8080"}, {podHere, addr("192.0.2.1"), 8888, "→ 10.244.0.5:8080 masqueraded"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tr := newTracer(t, testSettings, oneService(webPort(c.edit)), nodeAddr, loopback, addr("192.0.2.1"))
			for _, s := range c.sent {
				p := packet{src: s.from, dst: s.to, port: s.port, iface: "eth0"}
				if s.from == nodeAddr || s.from == loopback {
					p.iface = ""
				}
				if got := fates(tr, p); got != s.want {
					t.Errorf("%s to %s:%d: got %q, want %q", s.from, s.to, s.port, got, s.want)
				}
			}
		})
	}
}

func TestMasqueradeAllAndNoClusterRange(t *testing.T) {
	for name, c := range map[string]struct {
		settings Settings
		want     string
	}{
		"everything":        {Settings{MasqueradeAll: true, ClusterCIDRs: testSettings.ClusterCIDRs}, "→ 10.244.0.5:8080 masqueraded, → 10.244.1.5:8080 masqueraded"},
		"pods are unknown":  {Settings{}, "→ 10.244.0.5:8080, → 10.244.1.5:8080"},
		"pods are ordinary": {testSettings, "→ 10.244.0.5:8080, → 10.244.1.5:8080"},
	} {
		tr := newTracer(t, c.settings, oneService(webPort(nil)), nodeAddr)
		if got := fates(tr, packet{src: addr("10.244.0.7"), dst: addr("10.96.0.20"), port: 80, iface: "cox-pods"}); got != c.want {
			t.Errorf("%s: got %q", name, got)
		}
	}
}

func TestClientsStayWithTheirEndpoint(t *testing.T) {
	sticky := func(p *state.Port) { p.Affinity = time.Hour }
	tr := newTracer(t, testSettings, oneService(webPort(sticky)), nodeAddr)
	client := packet{src: addr("10.244.0.7"), dst: addr("10.96.0.20"), port: 80, iface: "cox-pods", protocol: state.TCP}
	tr.random = 1
	if got := tr.send(client).outcome(); got != "→ 10.244.1.5:8080" {
		t.Fatal(got)
	}
	if got := fates(tr, client); got != "→ 10.244.1.5:8080" {
		t.Errorf("the client went to %s", got)
	}
	memory := tr.elements[setAffinity]
	tr = newTracer(t, testSettings, oneService(webPort(func(p *state.Port) {
		sticky(p)
		p.Pools[state.Cluster] = p.Pools[state.Local]
	})), nodeAddr)
	tr.elements[setAffinity] = memory
	if got := fates(tr, client); got != "→ 10.244.0.5:8080" {
		t.Errorf("after its endpoint went the client went to %s", got)
	}
}

func TestShapesSurviveTheirName(t *testing.T) {
	for _, s := range []shape{
		{endpoints: 1}, {endpoints: 70000}, {inside: true, endpoints: 3, affinity: 24 * time.Hour}, {endpoints: 2, affinity: time.Second},
		{inside: true, endpoints: 12, client: preserved}, {endpoints: 2, affinity: time.Second, client: masqueraded},
	} {
		if got, ok := shapeOf(s.chain()); got != s || !ok {
			t.Errorf("%+v became %+v", s, got)
		}
	}
	for _, name := range []string{chainServices, "layout-12", "pick-", "pick-3x", "stick-3"} {
		if got, ok := shapeOf(name); ok {
			t.Errorf("%s became %+v", name, got)
		}
	}
}

// fakeKernel remembers what it was told and can be made to fail.
type fakeKernel struct {
	elements map[elementID]string
	chains   map[shape]bool
	created  int
	last     transaction
	fail     error
	gen      uint32
}

func (k *fakeKernel) commit(t transaction) error {
	if k.fail != nil {
		return k.fail
	}
	if t.create != nil {
		k.elements, k.chains = map[elementID]string{}, map[shape]bool{}
		k.created++
	}
	for _, e := range t.removed {
		if k.elements[e.id()] != e.data {
			return fmt.Errorf("removing %+v, which is not there", e)
		}
		delete(k.elements, e.id())
	}
	for _, s := range t.chains {
		k.chains[s] = true
	}
	for _, e := range t.added {
		if _, there := k.elements[e.id()]; there {
			return fmt.Errorf("adding %+v twice", e)
		}
		k.elements[e.id()] = e.data
	}
	for _, s := range t.dropped {
		delete(k.chains, s)
	}
	k.last = t
	k.gen++
	return nil
}

func (k *fakeKernel) contents(string) ([]element, []string, error) {
	if k.elements == nil {
		return nil, nil, errNoTable
	}
	var chains []string
	for s := range k.chains {
		chains = append(chains, s.chain())
	}
	var all []element
	for id, data := range k.elements {
		all = append(all, element{id.set, id.key, id.end, data})
	}
	return all, chains, nil
}

func (k *fakeKernel) generation() (uint32, error) { return k.gen, nil }
func (k *fakeKernel) remove() error               { k.elements = nil; return nil }
func (k *fakeKernel) close() error                { return nil }

func TestAChangeTouchesOnlyItsElements(t *testing.T) {
	kernel := &fakeKernel{}
	b := newBackend(testSettings, kernel)
	old := oneService(webPort(nil))
	if err := b.Sync(old); err != nil {
		t.Fatal(err)
	}
	fresh := oneService(webPort(func(p *state.Port) {
		p.Pools[state.Cluster] = append(slices.Clone(p.Pools[state.Cluster]), state.Endpoint{Addr: addr("10.244.2.5"), Port: 8080})
	}))
	key := old.Services[0].Key
	if err := b.Apply([]state.Change{{Key: key, Old: old.Services[0], New: fresh.Services[0]}}); err != nil {
		t.Fatal(err)
	}
	// The new endpoint behind three frontends, which now lead to other chains:
	// one for the cluster IP, one for the node ports.
	if got := len(kernel.last.added); got != 6 || len(kernel.last.removed) != 3 || len(kernel.last.chains) != 2 {
		t.Errorf("added %d, removed %d, chains %v", got, len(kernel.last.removed), kernel.last.chains)
	}
	want := newTracer(t, testSettings, fresh).elements
	got := map[string]map[string]string{}
	for set := range want {
		got[set] = map[string]string{}
	}
	for id, data := range kernel.elements {
		got[id.set][id.key] = data
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the difference does not lead to what a full pass makes:\n%s", diff)
	}
	if err := b.Sync(fresh); err != nil || kernel.created != 1 {
		t.Errorf("a full pass over a table that is right: created %d times, %v", kernel.created, err)
	}
	if len(kernel.last.dropped) != 2 {
		t.Errorf("the chains that nobody needs any more stayed: %+v", kernel.last)
	}
}

func TestAfterARefusalOnlyAFullPassHelps(t *testing.T) {
	kernel := &fakeKernel{}
	b := newBackend(testSettings, kernel)
	if err := b.Apply(nil); err == nil {
		t.Error("a change to an unknown table was accepted")
	}
	model := oneService(webPort(nil))
	if err := b.Sync(model); err != nil {
		t.Fatal(err)
	}
	kernel.fail = fmt.Errorf("no")
	if err := b.Apply([]state.Change{{Key: model.Services[0].Key, Old: model.Services[0]}}); err == nil {
		t.Error("the refusal was swallowed")
	}
	kernel.fail = nil
	if err := b.Apply([]state.Change{{Key: model.Services[0].Key, Old: model.Services[0]}}); err == nil {
		t.Error("a change after a refusal was accepted")
	}
	if err := b.Sync(state.Model{}); err != nil || len(kernel.elements) != 0 {
		t.Errorf("after the full pass: %v, %v", kernel.elements, err)
	}
}

func TestSharedElementsStayUntilTheLastUserGoes(t *testing.T) {
	kernel := &fakeKernel{}
	b := newBackend(testSettings, kernel)
	first, second := oneService(webPort(nil)).Services[0], oneService(webPort(func(p *state.Port) {
		p.ID = front("10.96.0.21", 80)
		p.Entries = []state.Entry{{Frontend: p.ID}}
	})).Services[0]
	second.Key.Name = "web2"
	if err := b.Sync(state.Model{Services: []*state.Service{first, second}}); err != nil {
		t.Fatal(err)
	}
	hairpins := func() (n int) {
		for id := range kernel.elements {
			if id.set == setHairpin {
				n++
			}
		}
		return n
	}
	if err := b.Apply([]state.Change{{Key: first.Key, Old: first}}); err != nil || hairpins() != 1 {
		t.Errorf("after the first went: %d pairs, %v", hairpins(), err)
	}
	if err := b.Apply([]state.Change{{Key: second.Key, Old: second}}); err != nil || hairpins() != 0 {
		t.Errorf("after both went: %d pairs, %v", hairpins(), err)
	}
}
