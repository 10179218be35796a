// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"sync"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// ResourceID numbers a resource name, so that sums are arrays and not maps.
type ResourceID int32

// The resources every cluster has. CPU is counted in thousandths, all others in whole units.
const (
	CPU ResourceID = iota
	Memory
	EphemeralStorage
)

// Resources gives numbers to resource names and never takes them back: names come from node capacities and pod
// requests, of which a cluster has a handful. Safe for concurrent use.
type Resources struct {
	mu    sync.RWMutex
	ids   map[corev1.ResourceName]ResourceID // guarded by mu
	names []corev1.ResourceName              // guarded by mu
}

// NewResources returns a table that knows the fixed resources.
func NewResources() *Resources {
	r := &Resources{ids: map[corev1.ResourceName]ResourceID{}}
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage} {
		r.ID(name)
	}
	return r
}

// ID returns the number of a resource, giving it one when it is new.
func (r *Resources) ID(name corev1.ResourceName) ResourceID {
	r.mu.RLock()
	id, ok := r.ids[name]
	r.mu.RUnlock()
	if ok {
		return id
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if id, ok := r.ids[name]; ok {
		return id
	}
	id = ResourceID(len(r.names))
	r.ids[name] = id
	r.names = append(r.names, name)
	return id
}

// Name is the opposite of ID.
func (r *Resources) Name(id ResourceID) corev1.ResourceName {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.names[id]
}

// amount is a quantity in the unit its resource is counted in.
func amount(name corev1.ResourceName, q resource.Quantity) int64 {
	if name == corev1.ResourceCPU {
		return q.MilliValue()
	}
	return q.Value()
}
