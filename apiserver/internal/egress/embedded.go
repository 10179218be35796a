// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package egress

import "net/netip"

var (
	nat64       = netip.MustParsePrefix("64:ff9b::/96")    // RFC 6052
	translated  = netip.MustParsePrefix("::ffff:0:0:0/96") // RFC 2765
	sixToFour   = netip.MustParsePrefix("2002::/16")       // RFC 3056
	teredo      = netip.MustParsePrefix("2001::/32")       // RFC 4380
	isatap      = [4]byte{0x00, 0x00, 0x5e, 0xfe}          // RFC 5214, in the middle of an address
	isatapOfOne = [4]byte{0x02, 0x00, 0x5e, 0xfe}          // the same for an address that is globally unique
)

// embedded returns the IPv4 addresses that an IPv6 address stands for where it is translated or tunnelled on its way.
// IPv4-mapped addresses are not among them: they are IPv4 addresses already (netip.Addr.Unmap).
func embedded(addr netip.Addr) []netip.Addr {
	if !addr.Is6() || addr.Is4In6() {
		return nil
	}
	b := addr.As16()
	v4 := func(from int) netip.Addr { return netip.AddrFrom4([4]byte(b[from : from+4])) }
	switch {
	case nat64.Contains(addr), translated.Contains(addr):
		return []netip.Addr{v4(12)}
	case sixToFour.Contains(addr):
		return []netip.Addr{v4(2)}
	case teredo.Contains(addr):
		return []netip.Addr{v4(4), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]})}
	}
	if middle := [4]byte(b[8:12]); middle == isatap || middle == isatapOfOne {
		return []netip.Addr{v4(12)}
	}
	return nil
}
