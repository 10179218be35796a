// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodename

import (
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// Name is what configuration calls the plugin.
const Name = "NodeName"

const reason = "node(s) didn't match the requested node name"

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
func (*Plugin) Shape(pod *cache.Pod, shape *framework.Shape) { shape.String(pod.Object.Spec.NodeName) }

// Filter implements framework.FilterPlugin.
func (*Plugin) Filter(pod *cache.Pod, nodes *cache.Snapshot) (framework.Filter, *framework.Rejection) {
	if pod.Object.Spec.NodeName == "" {
		return framework.Filter{}, nil
	}
	return framework.Filter{Check: &check{
		nodes:     nodes,
		name:      pod.Object.Spec.NodeName,
		rejection: framework.RejectForGood(Name, reason),
	}}, nil
}

// Hints implements framework.HintPlugin.
func (*Plugin) Hints() []framework.Hint {
	return []framework.Hint{{
		Resource: framework.Node, Actions: framework.Add,
		Helps: func(pod *cache.Pod, event framework.Event) bool {
			return pod.Object.Spec.NodeName == "" || pod.Object.Spec.NodeName == event.Node.Name
		},
	}}
}

type check struct {
	nodes     *cache.Snapshot
	name      string
	rejection *framework.Rejection
}

func (c *check) Check(n int32) *framework.Rejection {
	if c.nodes.Name(n) != c.name {
		return c.rejection
	}
	return nil
}
