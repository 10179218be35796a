// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package class

// key orders nodes: a better score first; among equals, the larger tie.
type key struct {
	score int64 // infeasible nodes have none
	tie   uint64
}

const none = -1

func (k key) less(o key) bool {
	return k.score < o.score || k.score == o.score && k.tie < o.tie
}

// fanout is the number of children of an inner node of the tree: wide, as scanning neighbours is what memory is good at.
const fanout = 16

// tree finds the largest of many keys while single keys change: levels[0] is the keys by node number, and each key
// above is the largest of fanout keys below.
type tree struct {
	levels [][]key
}

// reset makes a tree of size keys, all infeasible.
func (t *tree) reset(size int) {
	t.levels = t.levels[:0]
	for {
		level := make([]key, size)
		for i := range level {
			level[i].score = none
		}
		t.levels = append(t.levels, level)
		if size <= 1 {
			return
		}
		size = (size + fanout - 1) / fanout
	}
}

// fill sets a key without repairing what is above; build has to follow.
func (t *tree) fill(n int32, k key) { t.levels[0][n] = k }

// build repairs everything above the keys.
func (t *tree) build() {
	for l := 1; l < len(t.levels); l++ {
		for i := range t.levels[l] {
			t.levels[l][i] = t.largest(l, i)
		}
	}
}

// set changes a key.
func (t *tree) set(n int32, k key) {
	t.levels[0][n] = k
	i := int(n)
	for l := 1; l < len(t.levels); l++ {
		i /= fanout
		largest := t.largest(l, i)
		if t.levels[l][i] == largest {
			return
		}
		t.levels[l][i] = largest
	}
}

// largest is the largest of the children of entry i on level l.
func (t *tree) largest(l, i int) key {
	below := t.levels[l-1]
	below = below[i*fanout : min((i+1)*fanout, len(below))]
	largest := below[0]
	for _, k := range below[1:] {
		if largest.less(k) {
			largest = k
		}
	}
	return largest
}

// best returns the node with the largest key, and false when all are infeasible.
func (t *tree) best() (int32, key, bool) {
	top := len(t.levels) - 1
	if len(t.levels[top]) == 0 || t.levels[top][0].score == none {
		return 0, key{}, false
	}
	want, i := t.levels[top][0], 0
	for l := top - 1; l >= 0; l-- {
		for i *= fanout; t.levels[l][i] != want; i++ {
		}
	}
	return int32(i), want, true
}

// top returns up to count nodes with the largest keys, the largest first.
func (t *tree) top(count int) []int32 {
	type place struct{ level, i int }
	at := func(p place) key { return t.levels[p.level][p.i] }
	var found []int32
	open := []place{{level: len(t.levels) - 1}}
	if len(t.levels[open[0].level]) == 0 {
		return nil
	}
	for len(open) > 0 && len(found) < count {
		best := 0
		for i := range open {
			if at(open[best]).less(at(open[i])) {
				best = i
			}
		}
		p := open[best]
		open[best] = open[len(open)-1]
		open = open[:len(open)-1]
		if at(p).score == none {
			break
		}
		if p.level == 0 {
			found = append(found, int32(p.i))
			continue
		}
		for i := p.i * fanout; i < min((p.i+1)*fanout, len(t.levels[p.level-1])); i++ {
			if t.levels[p.level-1][i].score != none {
				open = append(open, place{p.level - 1, i})
			}
		}
	}
	return found
}
