// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderesourcesfit

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// Filter implements framework.FilterPlugin.
func (p *Plugin) Filter(pod *cache.Pod, nodes *cache.Snapshot) (framework.Filter, *framework.Rejection) {
	c := &check{nodes: nodes, rejections: map[shortage]*framework.Rejection{}}
	for _, r := range pod.Requests {
		name := nodes.Resources().Name(r.Resource)
		if p.ignores(name) {
			continue
		}
		c.requests = append(c.requests, request{name: name, amount: r.Amount, column: nodes.Column(r.Resource)})
	}
	return framework.Filter{Check: c}, nil
}

// ignores reports whether configuration leaves a resource to someone else; only extended resources can be.
func (p *Plugin) ignores(name corev1.ResourceName) bool {
	if !isExtended(name) {
		return false
	}
	group, _, _ := strings.Cut(string(name), "/")
	return slices.Contains(p.args.IgnoredResources, string(name)) || slices.Contains(p.args.IgnoredResourceGroups, group)
}

// isExtended reports whether a resource is neither Kubernetes' own nor a quota.
func isExtended(name corev1.ResourceName) bool {
	s := string(name)
	return strings.Contains(s, "/") && !strings.Contains(s, corev1.ResourceDefaultNamespacePrefix) &&
		!strings.HasPrefix(s, corev1.DefaultResourceRequestsPrefix)
}

type request struct {
	name   corev1.ResourceName
	amount int64
	column *cache.Column
}

// shortage is what a node lacks: bit 0 room for another pod, bit i+1 the i-th request; hopeless are those of which it
// would lack even if it were empty. A pod with more than 63 requests shares the last bit, and only the first is named.
type shortage struct{ lacking, hopeless uint64 }

type check struct {
	nodes      *cache.Snapshot
	requests   []request
	rejections map[shortage]*framework.Rejection
}

func (c *check) Check(n int32) *framework.Rejection {
	var s shortage
	if c.nodes.Pods(n)+1 > c.nodes.AllowedPods(n) {
		s.lacking = 1
	}
	for i := range c.requests {
		r := &c.requests[i]
		allocatable := r.column.Allocatable[n]
		if r.amount <= allocatable-r.column.Requested[n] {
			continue
		}
		bit := uint64(1) << min(i+1, 63)
		s.lacking |= bit
		if r.amount > allocatable {
			s.hopeless |= bit
		}
	}
	if s.lacking == 0 {
		return nil
	}
	return c.rejection(s)
}

func (c *check) rejection(s shortage) *framework.Rejection {
	if r, ok := c.rejections[s]; ok {
		return r
	}
	r := &framework.Rejection{Plugin: Name, Unresolvable: s.hopeless != 0}
	if s.lacking&1 != 0 {
		r.Reasons = append(r.Reasons, "Too many pods")
	}
	for i := range min(len(c.requests), 63) {
		if s.lacking&(1<<(i+1)) != 0 {
			r.Reasons = append(r.Reasons, "Insufficient "+string(c.requests[i].name))
		}
	}
	c.rejections[s] = r
	return r
}

// Hints implements framework.HintPlugin.
func (p *Plugin) Hints() []framework.Hint {
	return []framework.Hint{
		{Resource: framework.AssignedPod, Actions: framework.Delete}, // if only by the place it leaves
		{
			Resource: framework.AssignedPod, Actions: framework.UpdatePodScaleDown,
			Helps: func(pod *cache.Pod, event framework.Event) bool {
				return slices.ContainsFunc(event.Pod.Requests, func(r cache.Request) bool { return pod.Request(r.Resource) > 0 })
			},
		},
		{
			Resource: framework.Node, Actions: framework.Add | framework.UpdateNodeAllocatable,
			Helps: func(pod *cache.Pod, event framework.Event) bool { return p.fitsEmpty(pod, event.Node) },
		},
	}
}

// fitsEmpty reports whether a node could take the pod if it had no others.
func (p *Plugin) fitsEmpty(pod *cache.Pod, node *corev1.Node) bool {
	if pods := node.Status.Allocatable[corev1.ResourcePods]; pods.Value() < 1 {
		return false
	}
	for name, quantity := range pod.TotalRequests() {
		if p.ignores(name) {
			continue
		}
		if have := node.Status.Allocatable[name]; quantity.Cmp(have) > 0 {
			return false
		}
	}
	return true
}
