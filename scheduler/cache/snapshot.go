// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	corev1 "k8s.io/api/core/v1"
)

// Snapshot is the cluster in columns, as of the last [Cache.Update]. It belongs to one goroutine: that which updates
// it. Plugins read it and may keep a pointer to it, but no slice taken from it, across updates.
type Snapshot struct {
	resources *Resources
	size      int // node numbers in use are below size
	names     []string
	revisions []uint64 // of the row last seen, zero for none
	live      Bitset   // numbers that stand for a node that exists
	numbers   map[string]int32
	listed    []string // what Names returned last, nil once it is out of date

	columns       []*Column // by ResourceID
	allowedPods   []int64
	pods          []int32
	nonZeroCPU    []int64
	nonZeroMemory []int64
	unschedulable Bitset
	ports         [][]HostPort
	lowest        []int32

	Labels Labels
	Taints Taints
	Images Images

	log  []int32 // numbers of changed nodes, oldest first
	base uint64  // position of log[0]
}

// Column is one resource over all nodes, in the unit the resource is counted in.
type Column struct {
	Allocatable, Requested []int64
}

// NewSnapshot returns a snapshot without nodes.
func NewSnapshot(resources *Resources) *Snapshot {
	s := &Snapshot{resources: resources, numbers: map[string]int32{}}
	s.Labels.init()
	s.Taints.init()
	s.Images.init()
	return s
}

// Resources is the numbering that columns use.
func (s *Snapshot) Resources() *Resources { return s.resources }

// Size is one more than the largest node number in use.
func (s *Snapshot) Size() int { return s.size }

// Live reports whether number n stands for a node.
func (s *Snapshot) Live(n int32) bool { return s.live.Has(n) }

// Nodes counts the nodes.
func (s *Snapshot) Nodes() int { return s.live.Count() }

// Name is the name of node n.
func (s *Snapshot) Name(n int32) string { return s.names[n] }

// Number finds a node by name.
func (s *Snapshot) Number(name string) (int32, bool) {
	n, ok := s.numbers[name]
	return n, ok
}

// Names lists the names of all nodes by number, empty for numbers that stand for none. The list is shared and never
// changed, so it may be kept.
func (s *Snapshot) Names() []string {
	if s.listed == nil {
		s.listed = make([]string, s.size)
		s.live.Each(func(n int32) { s.listed[n] = s.names[n] })
	}
	return s.listed
}

// Column is what nodes offer and pods request of one resource.
func (s *Snapshot) Column(id ResourceID) *Column {
	for int(id) >= len(s.columns) {
		s.columns = append(s.columns, &Column{Allocatable: make([]int64, s.size), Requested: make([]int64, s.size)})
	}
	return s.columns[id]
}

// AllowedPods is how many pods node n takes.
func (s *Snapshot) AllowedPods(n int32) int64 { return s.allowedPods[n] }

// Pods is how many pods node n has.
func (s *Snapshot) Pods(n int32) int64 { return int64(s.pods[n]) }

// NonZeroCPU and NonZeroMemory are the sums of requests with defaults for containers that state none.
func (s *Snapshot) NonZeroCPU(n int32) int64 { return s.nonZeroCPU[n] }

// NonZeroMemory is explained at NonZeroCPU.
func (s *Snapshot) NonZeroMemory(n int32) int64 { return s.nonZeroMemory[n] }

// Unschedulable reports whether node n is cordoned.
func (s *Snapshot) Unschedulable(n int32) bool { return s.unschedulable.Has(n) }

// LowestPriority is the lowest priority among the pods of node n, math.MaxInt32 when it has none.
func (s *Snapshot) LowestPriority(n int32) int32 { return s.lowest[n] }

// Ports lists the host ports taken on node n.
func (s *Snapshot) Ports(n int32) []HostPort { return s.ports[n] }

// Changes returns the numbers of nodes that changed since position, and the position after them. It returns false when
// the log no longer reaches back that far, and the reader has to look at every node.
func (s *Snapshot) Changes(position uint64) (changed []int32, next uint64, ok bool) {
	next = s.Position()
	if position < s.base {
		return nil, next, false
	}
	return s.log[position-s.base:], next, true
}

// Position is the end of the log: what Changes takes to return what happens from now on.
func (s *Snapshot) Position() uint64 { return s.base + uint64(len(s.log)) }

// refresh takes over row r as node n; nil means the number is free.
func (s *Snapshot) refresh(n int32, r *row) {
	s.grow(int(n) + 1)
	s.note(n)
	if r == nil {
		r = &row{}
	}
	if s.revisions[n] != r.revision || s.names[n] != r.name {
		s.refreshNode(n, r)
	}
	for i, column := range s.columns {
		column.Requested[n] = 0
		if i < len(r.requested) {
			column.Requested[n] = r.requested[i]
		}
	}
	for i := len(s.columns); i < len(r.requested); i++ {
		s.Column(ResourceID(i)).Requested[n] = r.requested[i]
	}
	s.pods[n] = int32(len(r.pods))
	s.nonZeroCPU[n], s.nonZeroMemory[n] = r.nonZeroCPU, r.nonZeroMemory
	s.ports[n] = r.ports()
	s.lowest[n] = r.lowest()
}

// refreshNode takes over what comes from the node object.
func (s *Snapshot) refreshNode(n int32, r *row) {
	if old := s.names[n]; s.live.Clear(n) {
		if s.numbers[old] == n {
			delete(s.numbers, old)
		}
	}
	s.revisions[n], s.names[n], s.listed = r.revision, r.name, nil
	node := r.node
	if node == nil {
		node = &corev1.Node{}
	} else {
		s.live.Set(n)
		s.numbers[r.name] = n
	}
	for _, column := range s.columns {
		column.Allocatable[n] = 0
	}
	s.allowedPods[n] = 0
	for name, quantity := range node.Status.Allocatable {
		if name == corev1.ResourcePods {
			s.allowedPods[n] = quantity.Value()
			continue
		}
		s.Column(s.resources.ID(name)).Allocatable[n] = amount(name, quantity)
	}
	if node.Spec.Unschedulable {
		s.unschedulable.Set(n)
	} else {
		s.unschedulable.Clear(n)
	}
	s.Labels.set(n, node.Labels)
	s.Taints.set(n, node.Spec.Taints)
	s.Images.set(n, node.Status.Images)
}

// grow makes room for numbers below size.
func (s *Snapshot) grow(size int) {
	for s.size < size {
		s.size++
		s.names = append(s.names, "")
		s.revisions = append(s.revisions, 0)
		s.allowedPods = append(s.allowedPods, 0)
		s.pods = append(s.pods, 0)
		s.nonZeroCPU = append(s.nonZeroCPU, 0)
		s.nonZeroMemory = append(s.nonZeroMemory, 0)
		s.ports = append(s.ports, nil)
		s.lowest = append(s.lowest, 0)
		for _, column := range s.columns {
			column.Allocatable = append(column.Allocatable, 0)
			column.Requested = append(column.Requested, 0)
		}
	}
}

// note writes n to the log, which is halved when it is much longer than what anyone would replay.
func (s *Snapshot) note(n int32) {
	s.log = append(s.log, n)
	if limit := 4*s.size + 1024; len(s.log) > limit {
		drop := len(s.log) / 2
		s.base += uint64(drop)
		s.log = append(s.log[:0], s.log[drop:]...)
	}
}
