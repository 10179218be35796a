// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package class

import "math"

// marks are what one normalizing scorer gave each feasible node, with the lowest and highest of them.
type marks struct {
	byNode    []int64
	counts    map[int64]int // how many nodes have a mark; marks take few different values
	low, high int64
}

// reset forgets all marks and makes room for size nodes.
func (m *marks) reset(size int) {
	m.byNode = resize(m.byNode, size)
	if m.counts == nil {
		m.counts = map[int64]int{}
	}
	clear(m.counts)
	m.low, m.high = math.MaxInt64, math.MinInt64
}

// fill gives count nodes, whose marks are noted in byNode already, the same mark.
func (m *marks) fill(mark int64, count int) {
	if count > 0 {
		m.counts[mark] += count
		m.low, m.high = min(m.low, mark), max(m.high, mark)
	}
}

// set replaces the mark of node n and reports whether the range moved, which changes what all other marks are worth.
func (m *marks) set(n int32, had, has bool, mark int64) (moved bool) {
	old := m.byNode[n]
	if had && has && old == mark {
		return false
	}
	low, high := m.low, m.high
	m.byNode[n] = mark
	if has {
		m.counts[mark]++
	}
	if had {
		if m.counts[old]--; m.counts[old] == 0 {
			delete(m.counts, old)
		}
	}
	m.measure(old, mark, had, has)
	return m.low != low || m.high != high
}

// measure brings the range up to date after old was taken out and mark put in.
func (m *marks) measure(old, mark int64, had, has bool) {
	switch {
	case len(m.counts) == 0:
		return // the next to come, being alone, sets the range
	case len(m.counts) == 1 && has:
		m.low, m.high = mark, mark
		return
	}
	if had && m.counts[old] == 0 && (old == m.low || old == m.high) {
		m.low, m.high = math.MaxInt64, math.MinInt64
		for mark := range m.counts {
			m.low, m.high = min(m.low, mark), max(m.high, mark)
		}
		return
	}
	if has {
		m.low, m.high = min(m.low, mark), max(m.high, mark)
	}
}
