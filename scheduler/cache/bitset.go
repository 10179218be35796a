// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import "math/bits"

// Bitset is a set of node numbers. The zero value is empty; it grows on Set.
type Bitset struct {
	words []uint64
	count int
}

// Has reports whether n is in the set.
func (b *Bitset) Has(n int32) bool {
	w := int(n >> 6)
	return w < len(b.words) && b.words[w]&(1<<(uint(n)&63)) != 0
}

// Set adds n and reports whether it was absent.
func (b *Bitset) Set(n int32) bool {
	w := int(n >> 6)
	for w >= len(b.words) {
		b.words = append(b.words, 0)
	}
	bit := uint64(1) << (uint(n) & 63)
	if b.words[w]&bit != 0 {
		return false
	}
	b.words[w] |= bit
	b.count++
	return true
}

// Clear removes n and reports whether it was present.
func (b *Bitset) Clear(n int32) bool {
	w := int(n >> 6)
	bit := uint64(1) << (uint(n) & 63)
	if w >= len(b.words) || b.words[w]&bit == 0 {
		return false
	}
	b.words[w] &^= bit
	b.count--
	return true
}

// Count is the number of members.
func (b *Bitset) Count() int { return b.count }

// Each calls f for every member in ascending order.
func (b *Bitset) Each(f func(n int32)) {
	for i, w := range b.words {
		for w != 0 {
			f(int32(i<<6 + bits.TrailingZeros64(w)))
			w &= w - 1
		}
	}
}
