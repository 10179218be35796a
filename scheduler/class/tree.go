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

// reset makes room for size keys. What they are is undefined until each has been filled and the tree been built.
func (t *tree) reset(size int) {
	old := t.levels
	t.levels = t.levels[:0]
	for {
		if l := len(t.levels); l < len(old) && cap(old[l]) >= size {
			t.levels = append(t.levels, old[l][:size])
		} else {
			t.levels = append(t.levels, make([]key, size))
		}
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

// top returns up to count nodes with the largest keys, the largest first. Each of them is below one of the count
// largest keys of every level, so no more than that are followed.
func (t *tree) top(count int) []int32 {
	level := len(t.levels) - 1
	if count <= 0 || len(t.levels[level]) == 0 || t.levels[level][0].score == none {
		return nil
	}
	best := []int32{0}
	for ; level > 0; level-- {
		below := t.levels[level-1]
		next := make([]int32, 0, count+1)
		for _, parent := range best {
			for i := int(parent) * fanout; i < min(int(parent+1)*fanout, len(below)); i++ {
				if below[i].score != none {
					next = insert(next, int32(i), below, count)
				}
			}
		}
		best = next
	}
	return best
}

// insert puts i into a list that is sorted by keys, the largest first, and holds no more than limit.
func insert(list []int32, i int32, keys []key, limit int) []int32 {
	if len(list) == limit && !keys[list[limit-1]].less(keys[i]) {
		return list
	}
	list = append(list, i)
	for at := len(list) - 1; at > 0 && keys[list[at-1]].less(keys[list[at]]); at-- {
		list[at-1], list[at] = list[at], list[at-1]
	}
	return list[:min(len(list), limit)]
}
