// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package class

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestTreeFindsTheBest(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	var tr tree
	for _, size := range []int{0, 1, 2, 15, 16, 17, 255, 257, 5000, 3} {
		keys := make([]key, size)
		tr.reset(size)
		draw := func() key {
			if random.IntN(3) == 0 {
				return key{score: none}
			}
			return key{score: random.Int64N(50), tie: random.Uint64()}
		}
		for i := range keys {
			keys[i] = draw()
			tr.fill(int32(i), keys[i])
		}
		tr.build()
		for range 200 {
			checkTree(t, &tr, keys)
			if size == 0 {
				break
			}
			i := random.IntN(size)
			keys[i] = draw()
			tr.set(int32(i), keys[i])
		}
	}
}

func checkTree(t *testing.T, tr *tree, keys []key) {
	t.Helper()
	var want []int32
	for i, k := range keys {
		if k.score != none {
			want = append(want, int32(i))
		}
	}
	slices.SortFunc(want, func(a, b int32) int {
		return cmp.Or(cmp.Compare(keys[b].score, keys[a].score), cmp.Compare(keys[b].tie, keys[a].tie))
	})
	n, k, ok := tr.best()
	if ok != (len(want) > 0) || ok && (n != want[0] || k != keys[want[0]]) {
		t.Fatalf("the best of %d is %d, %v", len(keys), n, ok)
	}
	if got := tr.top(5); !slices.Equal(got, want[:min(5, len(want))]) {
		t.Fatalf("the top of %d is %v, want %v", len(keys), got, want[:min(5, len(want))])
	}
}

func TestMarksKnowTheirRange(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	const size = 8
	var m marks
	m.reset(size)
	present := map[int32]int64{}
	for range 5000 {
		n, mark := int32(random.IntN(size)), random.Int64N(4)
		_, had := present[n]
		has := random.IntN(3) > 0
		low, high := m.low, m.high
		moved := m.set(n, had, has, mark)
		if delete(present, n); has {
			present[n] = mark
		}
		if moved != (low != m.low || high != m.high) {
			t.Fatal("a move of the range is not reported")
		}
		if len(present) == 0 {
			continue
		}
		first := true
		var wantLow, wantHigh int64
		for _, mark := range present {
			if first {
				wantLow, wantHigh, first = mark, mark, false
			}
			wantLow, wantHigh = min(wantLow, mark), max(wantHigh, mark)
		}
		if m.low != wantLow || m.high != wantHigh {
			t.Fatalf("range is %d..%d, want %d..%d of %v", m.low, m.high, wantLow, wantHigh, present)
		}
	}
}
