// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"maps"
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/types"
)

// row is what the cache keeps of one node: the object and the sums over its pods.
type row struct {
	name     string
	node     *corev1.Node // nil while only pods speak of the node
	revision uint64       // changes with node, where a plugin could tell the difference

	pods          map[types.UID]*Pod
	requested     []int64 // by ResourceID
	nonZeroCPU    int64
	nonZeroMemory int64
	withPorts     int // how many of pods take host ports
	priorities    []priorityCount
}

// priorityCount is how many of a node's pods have one priority; nodes see a handful of priorities.
type priorityCount struct{ priority, pods int32 }

func (r *row) add(pod *Pod) {
	r.pods[pod.UID()] = pod
	r.sum(pod, 1)
}

func (r *row) remove(pod *Pod) {
	delete(r.pods, pod.UID())
	r.sum(pod, -1)
}

func (r *row) sum(pod *Pod, sign int64) {
	for _, q := range pod.Requests {
		for int(q.Resource) >= len(r.requested) {
			r.requested = append(r.requested, 0)
		}
		r.requested[q.Resource] += sign * q.Amount
	}
	r.nonZeroCPU += sign * pod.NonZeroCPU
	r.nonZeroMemory += sign * pod.NonZeroMemory
	if len(pod.Ports) > 0 {
		r.withPorts += int(sign)
	}
	i := slices.IndexFunc(r.priorities, func(p priorityCount) bool { return p.priority == pod.Priority })
	if i < 0 {
		i = len(r.priorities)
		r.priorities = append(r.priorities, priorityCount{priority: pod.Priority})
	}
	if r.priorities[i].pods += int32(sign); r.priorities[i].pods == 0 {
		r.priorities = slices.Delete(r.priorities, i, i+1)
	}
}

// lowest is the lowest priority on the node, the highest number there is when it has no pods.
func (r *row) lowest() int32 {
	lowest := int32(math.MaxInt32)
	for _, p := range r.priorities {
		lowest = min(lowest, p.priority)
	}
	return lowest
}

// ports lists the host ports taken on the node.
func (r *row) ports() []HostPort {
	if r.withPorts == 0 {
		return nil
	}
	var ports []HostPort
	for _, pod := range r.pods {
		ports = append(ports, pod.Ports...)
	}
	return ports
}

// sameFigures reports whether p and o weigh the same on a node, so that only the object needs replacing.
func (p *Pod) sameFigures(o *Pod) bool {
	return p.NonZeroCPU == o.NonZeroCPU && p.NonZeroMemory == o.NonZeroMemory && p.Priority == o.Priority &&
		slices.Equal(p.Requests, o.Requests) && slices.Equal(p.Ports, o.Ports)
}

// sameForScheduling reports whether plugins would see no difference between two versions of a node.
func sameForScheduling(a, b *corev1.Node) bool {
	return a.Spec.Unschedulable == b.Spec.Unschedulable &&
		maps.Equal(a.Labels, b.Labels) &&
		apiequality.Semantic.DeepEqual(a.Spec.Taints, b.Spec.Taints) &&
		apiequality.Semantic.DeepEqual(a.Status.Allocatable, b.Status.Allocatable) &&
		apiequality.Semantic.DeepEqual(a.Status.Images, b.Status.Images)
}
