// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"net/netip"
	"testing"

	"coxswain.dev/coxswain/proxy/state"
)

var (
	dnsFront = state.Frontend{Addr: netip.MustParseAddr("10.96.0.10"), Protocol: state.UDP, Port: 53}
	webFront = state.Frontend{Addr: netip.MustParseAddr("10.96.0.20"), Protocol: state.TCP, Port: 80}
	one      = state.Endpoint{Addr: netip.MustParseAddr("10.244.0.2"), Port: 53}
	two      = state.Endpoint{Addr: netip.MustParseAddr("10.244.0.3"), Port: 53}
)

func service(front state.Frontend, endpoints ...state.Endpoint) *state.Service {
	return &state.Service{Ports: []state.Port{{
		ID: front, Entries: []state.Entry{{Frontend: front}}, Pools: [state.Scopes][]state.Endpoint{endpoints},
	}}}
}

func TestWhichConnectionsAreForgotten(t *testing.T) {
	bare := state.Endpoint{Addr: dnsFront.Addr, Port: dnsFront.Port} // never translated
	for name, c := range map[string]struct {
		change          state.Change
		forgotten, kept []state.Endpoint
	}{
		"an endpoint went":               {state.Change{Old: service(dnsFront, one, two), New: service(dnsFront, two)}, []state.Endpoint{one}, []state.Endpoint{two}},
		"the last endpoint went":         {state.Change{Old: service(dnsFront, one), New: service(dnsFront)}, []state.Endpoint{one}, nil},
		"the service went":               {state.Change{Old: service(dnsFront, one)}, []state.Endpoint{one}, nil},
		"the first endpoint came":        {state.Change{Old: service(dnsFront), New: service(dnsFront, one)}, []state.Endpoint{bare}, []state.Endpoint{one}},
		"nobody watched until now":       {state.Change{New: service(dnsFront, one)}, []state.Endpoint{bare, two}, []state.Endpoint{one}},
		"another endpoint came":          {state.Change{Old: service(dnsFront, one), New: service(dnsFront, one, two)}, nil, []state.Endpoint{one, bare}},
		"TCP ends its connections alone": {state.Change{Old: service(webFront, one)}, nil, []state.Endpoint{one}},
	} {
		t.Run(name, func(t *testing.T) {
			look := affected([]state.Change{c.change})
			for _, endpoint := range c.forgotten {
				if !look.stale(dnsFront, endpoint) {
					t.Errorf("a connection to %v is kept", endpoint)
				}
			}
			for _, endpoint := range c.kept {
				if look.stale(dnsFront, endpoint) {
					t.Errorf("a connection to %v is forgotten", endpoint)
				}
			}
			if look.stale(state.Frontend{Addr: dnsFront.Addr, Protocol: state.UDP, Port: 54}, one) {
				t.Error("a connection that is none of ours is forgotten")
			}
		})
	}
}
