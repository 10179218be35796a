// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package queue

import "container/heap"

// itemHeap is a heap of items that knows where each one is, so that any of them can be removed.
type itemHeap struct {
	items []*Item
	less  func(a, b *Item) bool
}

var _ heap.Interface = (*itemHeap)(nil)

func (h *itemHeap) Len() int           { return len(h.items) }
func (h *itemHeap) Less(i, j int) bool { return h.less(h.items[i], h.items[j]) }
func (h *itemHeap) Swap(i, j int) {
	h.items[i], h.items[j] = h.items[j], h.items[i]
	h.items[i].index, h.items[j].index = i, j
}

// Push implements heap.Interface; use add.
func (h *itemHeap) Push(x any) {
	item := x.(*Item)
	item.index = len(h.items)
	h.items = append(h.items, item)
}

// Pop implements heap.Interface; use take.
func (h *itemHeap) Pop() any {
	last := len(h.items) - 1
	item := h.items[last]
	h.items[last] = nil
	h.items = h.items[:last]
	return item
}

func (h *itemHeap) add(item *Item)    { heap.Push(h, item) }
func (h *itemHeap) remove(item *Item) { heap.Remove(h, item.index) }
func (h *itemHeap) take() *Item       { return heap.Pop(h).(*Item) }

func (h *itemHeap) first() *Item {
	if len(h.items) == 0 {
		return nil
	}
	return h.items[0]
}
