// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package conntrack

import (
	"coxswain.dev/coxswain/proxy/state"
)

// served says, for frontends whose connections are to be looked at, which
// endpoints they may lead to.
type served map[state.Frontend]map[state.Endpoint]bool

// affected collects the UDP frontends of changed services that may have
// connections to forget: those that lost an endpoint, got their first one, or
// went away altogether. A change without an old state is from a time when
// nobody watched, so all its frontends are looked at.
func affected(changes []state.Change) served {
	all := served{}
	for _, change := range changes {
		if change.Old != nil && !lost(change.Old, change.New) {
			continue
		}
		for _, service := range []*state.Service{change.Old, change.New} {
			if service == nil {
				continue
			}
			for i := range service.Ports {
				for _, entry := range service.Ports[i].Entries {
					if entry.Protocol == state.UDP && all[entry.Frontend] == nil {
						all[entry.Frontend] = map[state.Endpoint]bool{}
					}
				}
			}
		}
	}
	for _, change := range changes {
		for endpoint, frontend := range endpoints(change.New) {
			if allowed, looked := all[frontend]; looked {
				allowed[endpoint] = true
			}
		}
	}
	return all
}

// endpoints pairs the UDP endpoints of a service with each of its frontends.
func endpoints(service *state.Service) func(func(state.Endpoint, state.Frontend) bool) {
	return func(yield func(state.Endpoint, state.Frontend) bool) {
		if service == nil {
			return
		}
		for i := range service.Ports {
			port := &service.Ports[i]
			for _, entry := range port.Entries {
				if entry.Protocol != state.UDP {
					continue
				}
				for _, pool := range port.Pools {
					for _, endpoint := range pool {
						if !yield(state.Endpoint{Addr: endpoint.Addr, Port: endpoint.Port}, entry.Frontend) {
							return
						}
					}
				}
			}
		}
	}
}

// lost says whether connections of before may now be wrong.
func lost(old, fresh *state.Service) bool {
	type pair struct {
		frontend state.Frontend
		endpoint state.Endpoint
	}
	have, frontends := map[pair]bool{}, map[state.Frontend]bool{}
	for endpoint, frontend := range endpoints(fresh) {
		have[pair{frontend, endpoint}] = true
	}
	for endpoint, frontend := range endpoints(old) {
		frontends[frontend] = true
		if !have[pair{frontend, endpoint}] {
			return true
		}
	}
	for p := range have {
		if !frontends[p.frontend] {
			return true // the first endpoint of a frontend
		}
	}
	return false
}

// stale decides about one connection: what the client asked for, and who
// answers it.
func (s served) stale(asked state.Frontend, answering state.Endpoint) bool {
	allowed, ours := s[asked]
	return ours && !allowed[answering]
}
