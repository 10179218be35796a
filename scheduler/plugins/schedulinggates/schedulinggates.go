// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package schedulinggates

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/scheduler/framework"
)

// Name is what configuration calls the plugin.
const Name = "SchedulingGates"

// Plugin is the plugin.
type Plugin struct{}

var _ framework.PreEnqueuePlugin = (*Plugin)(nil)

// New builds the plugin.
func New(runtime.Object, framework.Handle) (framework.Plugin, error) { return &Plugin{}, nil }

// Name implements framework.Plugin.
func (*Plugin) Name() string { return Name }

// PreEnqueue implements framework.PreEnqueuePlugin.
func (*Plugin) PreEnqueue(pod *corev1.Pod) *framework.Rejection {
	if len(pod.Spec.SchedulingGates) == 0 {
		return nil
	}
	gates := make([]string, len(pod.Spec.SchedulingGates))
	for i, gate := range pod.Spec.SchedulingGates {
		gates[i] = gate.Name
	}
	return framework.RejectForGood(Name, fmt.Sprintf("waiting for scheduling gates: %v", gates))
}
