// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// MessageHook reads what a container left as its termination message.
type MessageHook interface {
	Message(pod *corev1.Pod, c *corev1.Container, run *runtime.Container) string
}

// messages reads the termination messages of containers that ended, once each: their files go with the pod.
func (s *Syncer) messages(t *tracked, pod *corev1.Pod, state *runtime.State) {
	if t.memory.Cleaned {
		return
	}
	containers := specs(pod)
	for i := range state.Containers {
		run := &state.Containers[i]
		c := containers[run.Name]
		if run.Phase != runtime.Exited || c == nil {
			continue
		}
		if _, read := t.memory.Messages[run.ID]; read {
			continue
		}
		if t.memory.Messages == nil {
			t.memory.Messages = map[string]string{}
		}
		for _, hook := range s.config.Hooks {
			if reader, is := hook.(MessageHook); is {
				t.memory.Messages[run.ID] = reader.Message(pod, c, run)
			}
		}
	}
}
