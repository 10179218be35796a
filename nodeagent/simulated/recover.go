// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated

import (
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// recovered is the simulation of a pod first seen at now. What the pod's status tells happened before this process began.
func recovered(pod *corev1.Pod, now time.Time) simulation {
	s := simulation{memory: lifecycle.Memory{Accepted: now}}
	s.state = runtime.State{UID: pod.UID, Namespace: pod.Namespace, Name: pod.Name}
	status := &pod.Status
	if status.StartTime != nil {
		s.memory.Accepted = status.StartTime.Time
	}
	if len(status.PodIPs) == 0 && !begun(status) {
		return s
	}
	sandbox := runtime.Sandbox{ID: sandboxID(pod, 0), Ready: !lifecycle.Terminal(status.Phase), Created: s.memory.Accepted}
	if !pod.Spec.HostNetwork {
		for _, ip := range status.PodIPs {
			sandbox.IPs = append(sandbox.IPs, ip.IP)
		}
	}
	s.state.Sandboxes = []runtime.Sandbox{sandbox}
	for _, list := range [][]corev1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses, status.EphemeralContainerStatuses} {
		for i := range list {
			if run, ran := runOf(pod, &list[i]); ran {
				run.SandboxID = sandbox.ID
				s.state.Containers = append(s.state.Containers, run)
			}
		}
	}
	return s
}

// begun tells whether any container ever ran.
func begun(status *corev1.PodStatus) bool {
	for _, list := range [][]corev1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for i := range list {
			if list[i].ContainerID != "" {
				return true
			}
		}
	}
	return false
}

// runOf is the newest run of a container; false when it never ran.
func runOf(pod *corev1.Pod, status *corev1.ContainerStatus) (runtime.Container, bool) {
	_, id, found := strings.Cut(status.ContainerID, "://")
	if !found {
		return runtime.Container{}, false
	}
	run := runtime.Container{ID: id, Name: status.Name, Attempt: uint32(max(status.RestartCount, 0)), Image: status.Image, ImageRef: status.ImageID}
	for c := range containersOf(&pod.Spec) {
		if c.Name == status.Name && c.Image == status.Image {
			run.Annotations = map[string]string{runtime.AnnotationHash: lifecycle.Hash(c)}
		}
	}
	ended := status.State.Terminated
	if status.State.Waiting != nil {
		ended = status.LastTerminationState.Terminated
	}
	switch {
	case status.State.Running != nil:
		run.Phase, run.Started = runtime.Running, status.State.Running.StartedAt.Time
	case ended != nil:
		run.Phase, run.Started, run.Finished = runtime.Exited, ended.StartedAt.Time, ended.FinishedAt.Time
		run.ExitCode, run.Reason, run.Message = ended.ExitCode, ended.Reason, ended.Message
	default:
		return runtime.Container{}, false
	}
	run.Created = run.Started
	return run, true
}

func containersOf(spec *corev1.PodSpec) func(func(*corev1.Container) bool) {
	return func(yield func(*corev1.Container) bool) {
		for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}
