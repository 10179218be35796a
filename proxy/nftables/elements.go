// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"cmp"
	"encoding/binary"
	"net/netip"
	"slices"

	"coxswain.dev/coxswain/proxy/state"
)

// element is one entry of a set or map. Key and data are in the kernel's form:
// concatenated fields, each padded to 4 bytes; where the data is a verdict it is
// the name of the chain to go to.
type element struct {
	set  string
	key  string
	end  string // of the range, in sets of ranges
	data string
}

// id is what makes an element the same one.
type elementID struct{ set, key, end string }

func (e element) id() elementID { return elementID{e.set, e.key, e.end} }

func (e element) compare(o element) int {
	return cmp.Or(cmp.Compare(e.set, o.set), cmp.Compare(e.key, o.key), cmp.Compare(e.end, o.end), cmp.Compare(e.data, o.data))
}

// elementsOf lists everything that a service of the model needs in the table,
// sorted; a nil service needs nothing. Hairpin pairs are shared by services
// with common endpoints, so they are listed by each of them.
func elementsOf(service *state.Service) []element {
	if service == nil {
		return nil
	}
	var list []element
	for i := range service.Ports {
		list = append(list, portElements(&service.Ports[i])...)
	}
	slices.SortFunc(list, element.compare)
	return slices.Compact(list)
}

func portElements(port *state.Port) []element {
	var list []element
	for _, entry := range port.Entries {
		list = append(list, entryElements(port, entry)...)
	}
	return list
}

// entryElements lists what one frontend needs.
func entryElements(port *state.Port, entry state.Entry) []element {
	var list []element
	key := frontendKey(entry.Frontend)
	add := func(set string) { list = append(list, element{set: set, key: key}) }
	for _, source := range entry.Sources {
		list = append(list, element{set: setAllowed, key: key + bytes4(source.Masked().Addr()), end: key + bytes4(lastOf(source))})
	}
	if len(entry.Sources) > 0 {
		add(setGuarded)
	}
	if port.Unserved() {
		add(setRefuse)
		return list
	}
	if len(port.Pools[entry.Scope]) > 0 {
		list = append(list, poolElements(key, port, entry.Scope, shape{client: treat(entry)})...)
	} else {
		add(setDrop)
	}
	if entry.External() && entry.Scope == state.Local && len(port.Pools[state.Cluster]) > 0 {
		list = append(list, poolElements(key, port, state.Cluster, shape{client: treat(entry), inside: true})...)
	}
	return list
}

// treat says what becomes of the addresses of a frontend's clients.
func treat(entry state.Entry) treatment {
	switch {
	case entry.External() && entry.Scope == state.Cluster:
		return masqueraded
	case entry.Kind != state.ClusterIP:
		return preserved
	}
	return ordinary
}

// poolElements leads from a frontend to the endpoints of one pool. The shape
// comes with what the entry says and gets what the port says.
func poolElements(key string, port *state.Port, scope state.Scope, s shape) []element {
	pool := port.Pools[scope]
	if port.Affinity > 0 {
		// An endpoint is remembered by its address; of several on one address,
		// which the API allows, only the first is used.
		pool = slices.CompactFunc(slices.Clone(pool), func(a, b state.Endpoint) bool { return a.Addr == b.Addr })
	}
	s.endpoints, s.affinity = len(pool), port.Affinity
	list := []element{{set: s.prefix() + setServices, key: key, data: s.chain()}}
	for number, endpoint := range pool {
		place, address := key+bytesMark(uint32(number)), bytes4(endpoint.Addr)
		target := address + bytesPort(endpoint.Port)
		if port.Affinity > 0 {
			list = append(list, element{set: s.prefix() + setSlots, key: place, data: address},
				element{set: s.prefix() + setSticky, key: key + address, data: target})
		} else {
			list = append(list, element{set: s.prefix() + setEndpoints, key: place, data: target})
		}
		if endpoint.OnNode {
			list = append(list, element{set: setHairpin, key: address + address})
		}
	}
	return list
}

func frontendKey(f state.Frontend) string {
	return bytes4(f.Addr) + string([]byte{byte(f.Protocol), 0, 0, 0}) + bytesPort(f.Port)
}

func bytes4(addr netip.Addr) string {
	raw := addr.As4()
	return string(raw[:])
}

func bytesPort(port uint16) string {
	return string([]byte{byte(port >> 8), byte(port), 0, 0})
}

// bytesMark is in the byte order of the machine, as registers are.
func bytesMark(mark uint32) string {
	return string(binary.NativeEndian.AppendUint32(nil, mark))
}

func lastOf(prefix netip.Prefix) netip.Addr {
	raw := prefix.Masked().Addr().As4()
	host := binary.BigEndian.Uint32(raw[:]) | (1<<(32-prefix.Bits()) - 1)
	binary.BigEndian.PutUint32(raw[:], host)
	return netip.AddrFrom4(raw)
}
