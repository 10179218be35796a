// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeunschedulable

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// Name is what configuration calls the plugin.
const Name = "NodeUnschedulable"

const reason = "node(s) were unschedulable"

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
	var tolerated int64
	if tolerates(pod) {
		tolerated = 1
	}
	shape.Int(tolerated)
}

// Filter implements framework.FilterPlugin.
func (*Plugin) Filter(pod *cache.Pod, nodes *cache.Snapshot) (framework.Filter, *framework.Rejection) {
	if tolerates(pod) {
		return framework.Filter{}, nil
	}
	return framework.Filter{Check: &check{nodes: nodes, rejection: framework.RejectForGood(Name, reason)}}, nil
}

// Hints implements framework.HintPlugin.
func (*Plugin) Hints() []framework.Hint {
	return []framework.Hint{{
		Resource: framework.Node, Actions: framework.Add | framework.UpdateNodeTaint,
		Helps: func(pod *cache.Pod, event framework.Event) bool {
			return !event.Node.Spec.Unschedulable || tolerates(pod)
		},
	}}
}

func tolerates(pod *cache.Pod) bool {
	return corev1helpers.TolerationsTolerateTaint(klog.Logger{}, pod.Object.Spec.Tolerations, &corev1.Taint{
		Key:    corev1.TaintNodeUnschedulable,
		Effect: corev1.TaintEffectNoSchedule,
	}, true)
}

type check struct {
	nodes     *cache.Snapshot
	rejection *framework.Rejection
}

func (c *check) Check(n int32) *framework.Rejection {
	if c.nodes.Unschedulable(n) {
		return c.rejection
	}
	return nil
}
