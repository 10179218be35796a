// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package tainttoleration

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	corev1helpers "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// Name is what configuration calls the plugin.
const Name = "TaintToleration"

// Plugin is the plugin.
type Plugin struct{}

var (
	_ framework.FilterPlugin = (*Plugin)(nil)
	_ framework.ScorePlugin  = (*Plugin)(nil)
	_ framework.Shaper       = (*Plugin)(nil)
	_ framework.HintPlugin   = (*Plugin)(nil)
	_ framework.Normalizer   = (*scorer)(nil)
)

// New builds the plugin.
func New(runtime.Object, framework.Handle) (framework.Plugin, error) { return &Plugin{}, nil }

// Name implements framework.Plugin.
func (*Plugin) Name() string { return Name }

// Shape implements framework.Shaper.
func (*Plugin) Shape(pod *cache.Pod, shape *framework.Shape) {
	shape.Len(len(pod.Object.Spec.Tolerations))
	for i := range pod.Object.Spec.Tolerations {
		t := &pod.Object.Spec.Tolerations[i]
		shape.String(t.Key)
		shape.String(string(t.Operator))
		shape.String(t.Value)
		shape.String(string(t.Effect))
	}
}

// Filter implements framework.FilterPlugin.
func (*Plugin) Filter(pod *cache.Pod, nodes *cache.Snapshot) (framework.Filter, *framework.Rejection) {
	return framework.Filter{Check: &check{nodes: nodes, tolerations: pod.Object.Spec.Tolerations}}, nil
}

// Score implements framework.ScorePlugin.
func (*Plugin) Score(pod *cache.Pod, nodes *cache.Snapshot) framework.Scorer {
	s := &scorer{nodes: nodes}
	for _, t := range pod.Object.Spec.Tolerations {
		if t.Effect == "" || t.Effect == corev1.TaintEffectPreferNoSchedule {
			s.tolerations = append(s.tolerations, t)
		}
	}
	return s
}

// Hints implements framework.HintPlugin.
func (*Plugin) Hints() []framework.Hint {
	return []framework.Hint{{
		Resource: framework.Node, Actions: framework.Add | framework.UpdateNodeTaint,
		Helps: func(pod *cache.Pod, event framework.Event) bool {
			_, untolerated := corev1helpers.FindMatchingUntoleratedTaint(klog.Logger{}, event.Node.Spec.Taints,
				pod.Object.Spec.Tolerations, keepsOut, true)
			return !untolerated
		},
	}}
}

// keepsOut reports whether a taint is one that rules a node out.
func keepsOut(t *corev1.Taint) bool {
	return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
}

// check remembers what it thinks of each taint; nodes share few different ones.
type check struct {
	nodes       *cache.Snapshot
	tolerations []corev1.Toleration
	known       []bool
	rejections  []*framework.Rejection
}

func (c *check) Check(n int32) *framework.Rejection {
	for _, id := range c.nodes.Taints.Of(n) {
		if r := c.of(id); r != nil {
			return r
		}
	}
	return nil
}

func (c *check) of(id cache.TaintID) *framework.Rejection {
	for int(id) >= len(c.known) {
		c.known = append(c.known, false)
		c.rejections = append(c.rejections, nil)
	}
	if !c.known[id] {
		c.known[id] = true
		t := c.nodes.Taints.Taint(id)
		if keepsOut(t) && !corev1helpers.TolerationsTolerateTaint(klog.Logger{}, c.tolerations, t, true) {
			c.rejections[id] = framework.RejectForGood(Name,
				fmt.Sprintf("node(s) had untolerated taint {%s: %s}", t.Key, t.Value))
		}
	}
	return c.rejections[id]
}

// scorer counts the taints that would rather have the pod elsewhere.
type scorer struct {
	nodes       *cache.Snapshot
	tolerations []corev1.Toleration
	known       []bool
	counts      []int64 // by taint: 1 when it is not tolerated
}

func (s *scorer) Score(n int32) int64 {
	var count int64
	for _, id := range s.nodes.Taints.Of(n) {
		count += s.of(id)
	}
	return count
}

func (s *scorer) of(id cache.TaintID) int64 {
	for int(id) >= len(s.known) {
		s.known = append(s.known, false)
		s.counts = append(s.counts, 0)
	}
	if !s.known[id] {
		s.known[id] = true
		t := s.nodes.Taints.Taint(id)
		if t.Effect == corev1.TaintEffectPreferNoSchedule &&
			!corev1helpers.TolerationsTolerateTaint(klog.Logger{}, s.tolerations, t, true) {
			s.counts[id] = 1
		}
	}
	return s.counts[id]
}

// Normalize makes the node with the most such taints the worst.
func (s *scorer) Normalize(score, _, highest int64) int64 {
	if highest == 0 {
		return framework.MaxScore
	}
	return framework.MaxScore - framework.MaxScore*score/highest
}
