// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"slices"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// candidate is an endpoint together with what decides about its use.
type candidate struct {
	Endpoint
	ready, serving, terminating bool
	forNode, hintedNode         bool
	forZone, hintedZone         bool
}

// candidates collects the IPv4 endpoints of one named port from all slices of
// a Service. An address that several slices list counts once; when they
// disagree the most useful report wins, because slices of one Service may
// overlap for a moment while their controller moves endpoints between them.
func candidates(endpointSlices []*discoveryv1.EndpointSlice, port string, protocol Protocol, node Node) []candidate {
	seen := map[Endpoint]int{}
	var found []candidate
	for _, slice := range endpointSlices {
		if slice.AddressType != discoveryv1.AddressTypeIPv4 {
			continue
		}
		number, ok := portOf(slice, port, protocol)
		if !ok {
			continue
		}
		for i := range slice.Endpoints {
			from := &slice.Endpoints[i]
			if len(from.Addresses) == 0 {
				continue
			}
			addr, err := netip.ParseAddr(from.Addresses[0])
			if err != nil || !addr.Is4() {
				continue
			}
			c := newCandidate(addr, number, from, node)
			if at, twice := seen[c.Endpoint]; twice {
				if c.better(found[at]) {
					found[at] = c
				}
				continue
			}
			seen[c.Endpoint] = len(found)
			found = append(found, c)
		}
	}
	slices.SortFunc(found, func(a, b candidate) int { return a.Endpoint.Compare(b.Endpoint) })
	return found
}

func newCandidate(addr netip.Addr, port uint16, from *discoveryv1.Endpoint, node Node) candidate {
	c := candidate{
		Endpoint:    Endpoint{Addr: addr, Port: port, OnNode: from.NodeName != nil && *from.NodeName == node.Name},
		ready:       from.Conditions.Ready == nil || *from.Conditions.Ready,
		terminating: from.Conditions.Terminating != nil && *from.Conditions.Terminating,
	}
	c.serving = c.ready
	if from.Conditions.Serving != nil {
		c.serving = *from.Conditions.Serving
	}
	if hints := from.Hints; hints != nil {
		c.hintedNode, c.hintedZone = len(hints.ForNodes) > 0, len(hints.ForZones) > 0
		for _, hint := range hints.ForNodes {
			c.forNode = c.forNode || hint.Name == node.Name
		}
		for _, hint := range hints.ForZones {
			c.forZone = c.forZone || (node.Zone != "" && hint.Name == node.Zone)
		}
	}
	return c
}

func (c candidate) better(o candidate) bool {
	if c.ready != o.ready {
		return c.ready
	}
	return c.serving && !o.serving
}

// portOf finds the number of a Service's port in a slice. A port without a
// number means "all ports", which no Service port can be served by.
func portOf(slice *discoveryv1.EndpointSlice, name string, protocol Protocol) (uint16, bool) {
	for _, port := range slice.Ports {
		if port.Port == nil || *port.Port < 1 || *port.Port > 65535 {
			continue
		}
		has, proto := "", TCP
		if port.Name != nil {
			has = *port.Name
		}
		if port.Protocol != nil {
			proto = protocolOf(*port.Protocol)
		}
		if has == name && proto == protocol {
			return uint16(*port.Port), true
		}
	}
	return 0, false
}

// pools chooses the endpoints of both scopes.
func pools(all []candidate) [Scopes][]Endpoint {
	var chosen [Scopes][]Endpoint
	chosen[Cluster] = usable(hinted(all))
	chosen[Local] = usable(keep(all, func(c candidate) bool { return c.OnNode }))
	return chosen
}

// usable keeps the ready endpoints or, when there is none, those that still
// serve while they terminate: a rollout that takes the last ready endpoint away
// then fails no connection.
func usable(all []candidate) []Endpoint {
	chosen := keep(all, func(c candidate) bool { return c.ready })
	if len(chosen) == 0 {
		chosen = keep(all, func(c candidate) bool { return c.serving && c.terminating })
	}
	var endpoints []Endpoint
	for _, c := range chosen {
		endpoints = append(endpoints, c.Endpoint)
	}
	return endpoints
}

// hinted narrows the endpoints to those meant for this node, else for this
// zone. Hints are obeyed only when every ready endpoint carries them and at
// least one is meant for us; otherwise some client would be left without.
func hinted(all []candidate) []candidate {
	ready := keep(all, func(c candidate) bool { return c.ready })
	if len(ready) == 0 {
		return all
	}
	forNode := keep(ready, func(c candidate) bool { return c.forNode })
	if len(forNode) > 0 && !slices.ContainsFunc(ready, func(c candidate) bool { return !c.hintedNode }) {
		return forNode
	}
	forZone := keep(ready, func(c candidate) bool { return c.forZone })
	if len(forZone) > 0 && !slices.ContainsFunc(ready, func(c candidate) bool { return !c.hintedZone }) {
		return forZone
	}
	return all
}

func keep(all []candidate, want func(candidate) bool) []candidate {
	var kept []candidate
	for _, c := range all {
		if want(c) {
			kept = append(kept, c)
		}
	}
	return kept
}
