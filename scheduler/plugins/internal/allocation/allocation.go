// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package allocation

import (
	corev1 "k8s.io/api/core/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/cache"
)

// Share is how much of a resource a node would have given away, of how much it has.
type Share struct {
	Requested, Allocatable int64
	Weight                 int64
}

// Resource is a resource that scores depend on.
type Resource struct {
	Name   corev1.ResourceName
	Weight int64
}

// Resources turns configuration into resources; a weight of zero means one.
func Resources(specs []schedulerv1.ResourceSpec) []Resource {
	resources := make([]Resource, len(specs))
	for i, spec := range specs {
		resources[i] = Resource{Name: corev1.ResourceName(spec.Name), Weight: max(1, spec.Weight)}
	}
	return resources
}

// Default is what Kubernetes scores by when configuration says nothing.
func Default() []schedulerv1.ResourceSpec {
	return []schedulerv1.ResourceSpec{
		{Name: string(corev1.ResourceCPU), Weight: 1},
		{Name: string(corev1.ResourceMemory), Weight: 1},
	}
}

// Calculator works shares out for the pods of one shape. It reads the snapshot as it is when asked.
type Calculator struct {
	nodes   *cache.Snapshot
	columns []column
	shares  []Share
}

type column struct {
	resource cache.ResourceID
	column   *cache.Column
	amount   int64 // requested by the pod
	weight   int64
	nonZero  bool
}

// NewCalculator prepares the calculation. With nonZero, containers that request no CPU or memory count with Kubernetes'
// defaults. Resources other than CPU, memory and ephemeral storage do not count for pods that do not request them.
func NewCalculator(pod *cache.Pod, nodes *cache.Snapshot, resources []Resource, nonZero bool) *Calculator {
	c := &Calculator{nodes: nodes}
	for _, r := range resources {
		id := nodes.Resources().ID(r.Name)
		col := column{resource: id, column: nodes.Column(id), amount: pod.Request(id), weight: r.Weight}
		switch id {
		case cache.CPU:
			if nonZero {
				col.nonZero, col.amount = true, pod.NonZeroCPU
			}
		case cache.Memory:
			if nonZero {
				col.nonZero, col.amount = true, pod.NonZeroMemory
			}
		case cache.EphemeralStorage:
		default:
			if col.amount == 0 {
				continue
			}
		}
		c.columns = append(c.columns, col)
	}
	c.shares = make([]Share, len(c.columns))
	return c
}

// Shares lists the resources that node n has any of. The list is valid until the next call.
func (c *Calculator) Shares(n int32) []Share {
	shares := c.shares[:0]
	for i := range c.columns {
		col := &c.columns[i]
		allocatable := col.column.Allocatable[n]
		if allocatable == 0 {
			continue
		}
		requested := col.column.Requested[n]
		if col.nonZero {
			if requested = c.nodes.NonZeroCPU(n); col.resource == cache.Memory {
				requested = c.nodes.NonZeroMemory(n)
			}
		}
		shares = append(shares, Share{Requested: requested + col.amount, Allocatable: allocatable, Weight: col.weight})
	}
	return shares
}

// Requests reports whether the pod requests any of the resources.
func (c *Calculator) Requests() bool {
	for i := range c.columns {
		if c.columns[i].amount > 0 {
			return true
		}
	}
	return false
}
