// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeports

import (
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// Name is what configuration calls the plugin.
const Name = "NodePorts"

const reason = "node(s) didn't have free ports for the requested pod ports"

// Plugin is the plugin.
type Plugin struct{}

var (
	_ framework.FilterPlugin = (*Plugin)(nil)
	_ framework.Shaper       = (*Plugin)(nil)
	_ framework.HintPlugin   = (*Plugin)(nil)
)

// New builds the plugin.
func New(runtime.Object, framework.Handle) (framework.Plugin, error) { return &Plugin{}, nil }

// Name implements framework.Plugin.
func (*Plugin) Name() string { return Name }

// Shape implements framework.Shaper.
func (*Plugin) Shape(pod *cache.Pod, shape *framework.Shape) {
	shape.Len(len(pod.Ports))
	for _, p := range pod.Ports {
		shape.String(string(p.Protocol))
		shape.String(p.IP)
		shape.Int(int64(p.Port))
	}
}

// Filter implements framework.FilterPlugin.
func (*Plugin) Filter(pod *cache.Pod, nodes *cache.Snapshot) (framework.Filter, *framework.Rejection) {
	if len(pod.Ports) == 0 {
		return framework.Filter{}, nil
	}
	return framework.Filter{Check: &check{nodes: nodes, want: pod.Ports, rejection: framework.Reject(Name, reason)}}, nil
}

// Hints implements framework.HintPlugin.
func (*Plugin) Hints() []framework.Hint {
	return []framework.Hint{
		{Resource: framework.Node, Actions: framework.Add},
		{
			Resource: framework.AssignedPod, Actions: framework.Delete,
			Helps: func(pod *cache.Pod, event framework.Event) bool { return conflict(pod.Ports, event.Pod.Ports) },
		},
	}
}

type check struct {
	nodes     *cache.Snapshot
	want      []cache.HostPort
	rejection *framework.Rejection
}

func (c *check) Check(n int32) *framework.Rejection {
	if conflict(c.want, c.nodes.Ports(n)) {
		return c.rejection
	}
	return nil
}

func conflict(want, taken []cache.HostPort) bool {
	for _, w := range want {
		for _, t := range taken {
			if w.Conflicts(t) {
				return true
			}
		}
	}
	return false
}
