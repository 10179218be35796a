// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"strings"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/scheduler/cache"
)

// Action is a set of things that can happen to a resource; an event carries exactly what happened.
type Action uint16

// The actions, named as kube-scheduler's metrics and logs name them.
const (
	Add Action = 1 << iota
	Delete
	UpdateNodeAllocatable
	UpdateNodeLabel
	UpdateNodeTaint // taints, or spec.unschedulable
	UpdatePodScaleDown
	UpdateProfile
)

var actionNames = []string{"Add", "Delete", "UpdateNodeAllocatable", "UpdateNodeLabel", "UpdateNodeTaint",
	"UpdatePodScaleDown", "UpdateProfile"}

// String joins the names of the actions in the set.
func (a Action) String() string {
	var names []string
	for i, name := range actionNames {
		if a&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, "|")
}

// Resource is what an event is about.
type Resource string

// The resources that events are about.
const (
	Node Resource = "Node"
	// AssignedPod is a pod that has a node.
	AssignedPod Resource = "AssignedPod"
	// Anything makes every pod worth another try, whoever rejected it.
	Anything Resource = "*"
)

// Event is something that happened in the cluster.
type Event struct {
	Resource Resource
	Action   Action
	// Label is how metrics call the event; empty means Resource and Action.
	Label string

	// Node is the node after the event, for events of nodes that still exist.
	Node *corev1.Node
	// Pod is the pod concerned, for events of pods that have a node; as it was before when it is gone or shrank.
	Pod *cache.Pod
}

// Name is for metrics and logs.
func (e Event) Name() string {
	if e.Label != "" {
		return e.Label
	}
	return string(e.Resource) + e.Action.String()
}

// HintPlugin is implemented by plugins that reject pods, and tells which events may change their mind. A pod rejected
// by plugins none of which expects an event is woken up only by a change of itself or by the safety net.
type HintPlugin interface {
	Plugin
	Hints() []Hint
}

// Hint is one kind of event a plugin waits for.
type Hint struct {
	Resource Resource
	// Actions is a set of actions.
	Actions Action
	// Helps reports whether the event may make room for a pod that the plugin rejected; nil means that it does.
	Helps func(pod *cache.Pod, event Event) bool
}

// Expects reports whether the event is of this kind and may help the pod.
func (h Hint) Expects(pod *cache.Pod, event Event) bool {
	if h.Resource != event.Resource || h.Actions&event.Action == 0 {
		return false
	}
	return h.Helps == nil || h.Helps(pod, event)
}
