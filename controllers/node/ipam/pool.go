// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package ipam

import (
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
)

// errFull is returned when a range has no block left.
var errFull = errors.New("CIDR allocation failed; there are no remaining CIDRs left to allocate in the accepted range")

// maxBits bounds how many blocks a range is cut into: 2^16, which is 8 KiB of bits.
const maxBits = 16

// pool is one address range cut into blocks of one size. It is not safe for concurrent use.
type pool struct {
	base  netip.Prefix
	mask  int
	used  []uint64
	count int
	next  int
}

func newPool(base netip.Prefix, mask int) (*pool, error) {
	base = base.Masked()
	if mask < base.Bits() || mask > base.Addr().BitLen() {
		return nil, fmt.Errorf("a node mask of /%d does not fit into %s", mask, base)
	}
	if mask-base.Bits() > maxBits {
		return nil, fmt.Errorf("%s holds more than %d blocks of /%d; choose a larger node mask size", base, 1<<maxBits, mask)
	}
	count := 1 << (mask - base.Bits())
	return &pool{base: base, mask: mask, count: count, used: make([]uint64, (count+63)/64)}, nil
}

// allocate takes the next free block, going round so that a block just freed is the last to be used again.
func (p *pool) allocate() (netip.Prefix, error) {
	for i := range p.count {
		n := (p.next + i) % p.count
		if p.used[n/64]&(1<<(n%64)) == 0 {
			p.used[n/64] |= 1 << (n % 64)
			p.next = (n + 1) % p.count
			return p.block(n), nil
		}
	}
	return netip.Prefix{}, errFull
}

// occupy marks all blocks that overlap with prefix; set says whether as used or as free. Ranges elsewhere are no matter.
func (p *pool) occupy(prefix netip.Prefix, set bool) {
	if !p.base.Overlaps(prefix) {
		return
	}
	first, last := 0, p.count-1
	if prefix.Bits() > p.base.Bits() {
		first = p.number(prefix.Masked().Addr())
		last = first
		if wider := p.mask - prefix.Bits(); wider > 0 {
			last = first + 1<<wider - 1
		}
	}
	for n := first; n <= last; n++ {
		if set {
			p.used[n/64] |= 1 << (n % 64)
		} else {
			p.used[n/64] &^= 1 << (n % 64)
		}
	}
}

// free is the number of blocks left.
func (p *pool) free() int {
	free := p.count
	for _, word := range p.used {
		free -= bits.OnesCount64(word)
	}
	return free
}

// block returns the n-th block.
func (p *pool) block(n int) netip.Prefix {
	raw := p.base.Addr().As16()
	shift := p.base.Addr().BitLen() - p.mask // bits below the block number
	addTo(&raw, uint64(n), shift)
	addr := netip.AddrFrom16(raw)
	if p.base.Addr().Is4() {
		addr = addr.Unmap()
	}
	return netip.PrefixFrom(addr, p.mask)
}

// number returns which block addr is in.
func (p *pool) number(addr netip.Addr) int {
	raw := addr.As16()
	shift := p.base.Addr().BitLen() - p.mask
	n := 0
	for bit := range p.mask - p.base.Bits() {
		at := shift + bit
		if raw[15-at/8]&(1<<(at%8)) != 0 {
			n |= 1 << bit
		}
	}
	return n
}

// addTo sets the bits of n in raw, the lowest at position shift; they are zero before.
func addTo(raw *[16]byte, n uint64, shift int) {
	for bit := 0; n>>bit != 0; bit++ {
		if n&(1<<bit) != 0 {
			at := shift + bit
			raw[15-at/8] |= 1 << (at % 8)
		}
	}
}
