// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Cache collects what informers and the scheduler know. Safe for concurrent use.
//
// A pod's life in here:
//
//	        Assume                 SetPod (seen bound)
//	(none) ────────► assumed ───────────────────────────► placed ──► RemovePod
//	   ▲                │ Forget (binding failed)            ▲
//	   └────────────────┘             SetPod (another scheduler, or our restart)
type Cache struct {
	resources *Resources

	mu sync.Mutex
	// revision counts the states of nodes; no two ever share one, not even across nodes that reuse a number.
	revision uint64                // guarded by mu
	nodes    map[string]int32      // guarded by mu: name to number
	rows     []*row                // guarded by mu: by number; nil where the number is free
	free     []int32               // guarded by mu
	pods     map[types.UID]*placed // guarded by mu
	dirty    map[*Snapshot][]int32 // guarded by mu: numbers whose rows a snapshot has not seen
	marks    map[*Snapshot]*Bitset // guarded by mu: the same as a set
}

type placed struct {
	pod     *Pod
	node    int32
	assumed bool
}

// New returns an empty cache.
func New(resources *Resources) *Cache {
	return &Cache{
		resources: resources,
		nodes:     map[string]int32{},
		pods:      map[types.UID]*placed{},
		dirty:     map[*Snapshot][]int32{},
		marks:     map[*Snapshot]*Bitset{},
	}
}

// Resources is the numbering that the cache's figures use.
func (c *Cache) Resources() *Resources { return c.resources }

// SetNode adds a node or takes over its new state. Updates that change nothing a plugin can see (heartbeats) cost
// nothing downstream.
func (c *Cache) SetNode(node *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.number(node.Name)
	r := c.rows[n]
	old := r.node
	r.node = node
	if old != nil && sameForScheduling(old, node) {
		return
	}
	c.revise(r)
	c.touch(n)
}

// RemoveNode forgets a node. Pods still said to be on it are kept until they are removed themselves, so that their
// figures are there should the node come back.
func (c *Cache) RemoveNode(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, ok := c.nodes[name]
	if !ok || c.rows[n].node == nil {
		return
	}
	c.rows[n].node = nil
	c.revise(c.rows[n])
	c.touch(n)
	c.release(n)
}

// SetPod takes over a pod seen on a node: a new one, a newer version of a known one, or the confirmation of an assumed
// one, even if the API server put it elsewhere than assumed.
func (c *Cache) SetPod(pod *Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.number(pod.Object.Spec.NodeName)
	if known, ok := c.pods[pod.UID()]; ok {
		if known.node == n && known.pod.sameFigures(pod) {
			// Nothing moves; keep the newest object.
			known.pod, known.assumed = pod, false
			c.rows[n].pods[pod.UID()] = pod
			return
		}
		c.take(known)
	}
	c.put(&placed{pod: pod, node: n})
}

// RemovePod takes a pod off its node and returns it as last known, or nil when it was not known.
func (c *Cache) RemovePod(uid types.UID) *Pod {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.pods[uid]
	if !ok {
		return nil
	}
	c.take(known)
	return known.pod
}

// Assume promises a place on a node to a pod whose binding is still under way.
func (c *Cache) Assume(pod *Pod, node string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.pods[pod.UID()]; ok {
		return fmt.Errorf("assuming pod %s/%s on node %s: it has a place already", pod.Object.Namespace, pod.Object.Name, node)
	}
	c.put(&placed{pod: pod, node: c.number(node), assumed: true})
	return nil
}

// Forget takes a promise back and reports whether there was one. A pod seen bound in the meantime stays.
func (c *Cache) Forget(uid types.UID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.pods[uid]
	if !ok || !known.assumed {
		return false
	}
	c.take(known)
	return true
}

// Placed reports whether a pod has a place, assumed or confirmed.
func (c *Cache) Placed(uid types.UID) (place, assumed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	known, ok := c.pods[uid]
	return ok, ok && known.assumed
}

// Sizes counts what is kept, for metrics.
func (c *Cache) Sizes() (nodes, pods, assumed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.pods {
		if p.assumed {
			assumed++
		}
	}
	for _, r := range c.rows {
		if r != nil && r.node != nil {
			nodes++
		}
	}
	return nodes, len(c.pods), assumed
}

// Update brings a snapshot up to date. The first call for a snapshot carries everything, later ones what changed.
func (c *Cache) Update(s *Snapshot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mark, ok := c.marks[s]
	if !ok {
		mark = &Bitset{}
		c.marks[s] = mark
		for n := range c.rows {
			s.refresh(int32(n), c.rows[n])
		}
		return
	}
	for _, n := range c.dirty[s] {
		mark.Clear(n)
		s.refresh(n, c.rows[n])
	}
	c.dirty[s] = c.dirty[s][:0]
}

// number returns the number of a node, giving it one if it has none. Callers hold mu.
func (c *Cache) number(name string) int32 {
	if n, ok := c.nodes[name]; ok {
		return n
	}
	var n int32
	if last := len(c.free) - 1; last >= 0 {
		n, c.free = c.free[last], c.free[:last]
	} else {
		n = int32(len(c.rows))
		c.rows = append(c.rows, nil)
	}
	c.nodes[name] = n
	c.rows[n] = &row{name: name, pods: map[types.UID]*Pod{}}
	c.revise(c.rows[n])
	return n
}

// release gives a number back once neither node nor pods need it. Callers hold mu.
func (c *Cache) release(n int32) {
	r := c.rows[n]
	if r.node != nil || len(r.pods) > 0 {
		return
	}
	delete(c.nodes, r.name)
	c.rows[n] = nil
	c.free = append(c.free, n)
}

// revise marks what comes from the node object as changed. Callers hold mu.
func (c *Cache) revise(r *row) {
	c.revision++
	r.revision = c.revision
}

// put and take add and remove a pod's figures. Callers hold mu.
func (c *Cache) put(p *placed) {
	c.pods[p.pod.UID()] = p
	c.rows[p.node].add(p.pod)
	c.touch(p.node)
}

func (c *Cache) take(p *placed) {
	delete(c.pods, p.pod.UID())
	c.rows[p.node].remove(p.pod)
	c.touch(p.node)
	c.release(p.node)
}

// touch notes that snapshots must look at a row again. Callers hold mu.
func (c *Cache) touch(n int32) {
	for s, mark := range c.marks {
		if mark.Set(n) {
			c.dirty[s] = append(c.dirty[s], n)
		}
	}
}
