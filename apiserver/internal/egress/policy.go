// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package egress

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
)

// ErrNotAllowed is why an address is not dialled. The text is the one that kube-apiserver answers with.
var ErrNotAllowed = errors.New("address not allowed")

// BadRequest is ErrNotAllowed as clients get it: 400, as from kube-apiserver.
func BadRequest() error { return apierrors.NewBadRequest(ErrNotAllowed.Error()) }

// Policy says which addresses the server connects to when an object names them. The zero value refuses all that is not
// global unicast. A Policy may be copied and is safe for concurrent use.
type Policy struct {
	// Own tells whether an address is one of the cluster's own API. Nil means that none is known. It comes before
	// every exception.
	Own func(netip.AddrPort) bool
	// Services are the ranges of Services' cluster addresses, which lead anywhere, to our own API too: the kernel
	// translates them after we have looked. Nobody's node, pod or endpoint has such an address. Nil refuses none of them.
	Services []netip.Prefix
	// Loopback lets this machine be reached.
	Loopback bool
	// Except are single addresses that are reached although they are loopback.
	Except []netip.AddrPort
}

// loopback is this machine. The addresses from ::/96 are refused as a whole below.
var loopback = netip.MustParsePrefix("127.0.0.0/8")

// refused are the ranges that are not dialled. IPv4 addresses within IPv6 ones are looked at as what they are.
var refused = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),          // "this network"; connecting to 0.0.0.0 reaches loopback
	netip.MustParsePrefix("169.254.0.0/16"),     // link-local, metadata services of clouds among them
	netip.MustParsePrefix("224.0.0.0/4"),        // multicast
	netip.MustParsePrefix("255.255.255.255/32"), // broadcast
	netip.MustParsePrefix("::/96"),              // unspecified, loopback, IPv4-compatible (deprecated, RFC 4291)
	netip.MustParsePrefix("64:ff9b:1::/48"),     // translation to IPv4 in a form that only its network knows (RFC 8215)
	netip.MustParsePrefix("fe80::/10"),          // link-local
	netip.MustParsePrefix("ff00::/8"),           // multicast
	netip.MustParsePrefix("fd00:ec2::254/128"),  // metadata service of AWS over IPv6
	netip.MustParsePrefix("fd20:ce::254/128"),   // metadata service of Google Cloud over IPv6
}

// Check returns ErrNotAllowed for an address that is not to be dialled.
func (p Policy) Check(address netip.AddrPort) error {
	addr := address.Addr().Unmap().WithZone("")
	if !addr.IsValid() {
		return ErrNotAllowed
	}
	forms := append([]netip.Addr{addr}, embedded(addr)...)
	for _, form := range forms {
		if p.Own != nil && p.Own(netip.AddrPortFrom(form, address.Port())) {
			return ErrNotAllowed
		}
	}
	if slices.Contains(p.Except, netip.AddrPortFrom(addr, address.Port())) {
		return nil
	}
	for _, form := range forms {
		if !p.fit(form) {
			return ErrNotAllowed
		}
	}
	return nil
}

func (p Policy) fit(addr netip.Addr) bool {
	contains := func(prefix netip.Prefix) bool { return prefix.Contains(addr) }
	switch {
	case addr.IsLoopback() || loopback.Contains(addr):
		return p.Loopback
	case slices.ContainsFunc(refused, contains), slices.ContainsFunc(p.Services, contains):
		return false
	}
	return true
}

// CheckLiteral is Check for a host and a port as objects and URLs have them. A host that is a name passes: what it
// resolves to is looked at by the Dialer.
func (p Policy) CheckLiteral(host, port string) error {
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return nil
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return ErrNotAllowed // nothing can be dialled there
	}
	return p.Check(netip.AddrPortFrom(addr, uint16(number)))
}
