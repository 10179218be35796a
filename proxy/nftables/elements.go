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
// concatenated fields, each padded to 4 bytes.
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
	used := [state.Scopes]bool{}
	for _, entry := range port.Entries {
		more, scopes := entryElements(port, entry)
		list = append(list, more...)
		for scope, uses := range scopes {
			used[scope] = used[scope] || uses
		}
	}
	for scope, uses := range used {
		if uses {
			list = append(list, poolElements(port, state.Scope(scope))...)
		}
	}
	return list
}

// entryElements lists what one frontend needs and says which pools it uses.
func entryElements(port *state.Port, entry state.Entry) (list []element, used [state.Scopes]bool) {
	key := frontendKey(entry.Frontend)
	add := func(set, data string) { list = append(list, element{set: set, key: key, data: data}) }
	for _, source := range entry.Sources {
		list = append(list, element{set: setAllowed, key: key + bytes4(source.Masked().Addr()), end: key + bytes4(lastOf(source))})
	}
	if len(entry.Sources) > 0 {
		add(setGuarded, "")
	}
	if port.Unserved() {
		add(setRefuse, "")
		return list, used
	}
	use := func(set string, scope state.Scope) {
		add(set, poolKey(scope, port.ID, shapeFor(port, scope, set == setInside).mark()))
		used[scope] = true
	}
	switch {
	case len(port.Pools[entry.Scope]) > 0:
		use(setFrontends, entry.Scope)
	default:
		add(setDrop, "")
	}
	if entry.External() && entry.Scope == state.Local && len(port.Pools[state.Cluster]) > 0 {
		use(setInside, state.Cluster)
	}
	switch {
	case entry.External() && entry.Scope == state.Cluster:
		add(setMasquerade, "")
	case entry.Kind != state.ClusterIP:
		add(setPreserve, "")
	}
	return list, used
}

func poolElements(port *state.Port, scope state.Scope) []element {
	var list []element
	for number, endpoint := range poolOf(port, scope) {
		target := bytes4(endpoint.Addr) + bytesPort(endpoint.Port)
		list = append(list, element{set: setEndpoints, key: poolKey(scope, port.ID, uint32(number)), data: target})
		if port.Affinity > 0 {
			list = append(list, element{set: setSticky, key: frontendKey(port.ID) + target})
		}
		if endpoint.OnNode {
			list = append(list, element{set: setHairpin, key: bytes4(endpoint.Addr) + bytes4(endpoint.Addr)})
		}
	}
	return list
}

func poolOf(port *state.Port, scope state.Scope) []state.Endpoint {
	pool := port.Pools[scope]
	return pool[:min(len(pool), maxEndpoints)]
}

func shapeFor(port *state.Port, scope state.Scope, inside bool) shape {
	return shape{inside: inside, endpoints: len(poolOf(port, scope)), affinity: port.Affinity}
}

func frontendKey(f state.Frontend) string {
	return bytes4(f.Addr) + string([]byte{byte(f.Protocol), 0, 0, 0}) + bytesPort(f.Port)
}

// poolKey is a place in the endpoints map or, with a shape for the number, the
// data of the frontends map.
func poolKey(scope state.Scope, id state.Frontend, number uint32) string {
	return bytesMark(uint32(scope)) + frontendKey(id) + bytesMark(number)
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

func markOf(raw string) uint32 { return binary.NativeEndian.Uint32([]byte(raw)) }
