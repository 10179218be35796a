// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"cmp"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

func containerStatuses(seen *Seen, plan Plan, containers []corev1.Container, kind Kind) []corev1.ContainerStatus {
	var list []corev1.ContainerStatus
	for i := range containers {
		list = append(list, containerStatus(seen, plan, &containers[i], kind))
	}
	return list
}

func containerStatus(seen *Seen, plan Plan, c *corev1.Container, kind Kind) corev1.ContainerStatus {
	run := seen.State.Container(c.Name)
	status := corev1.ContainerStatus{Name: c.Name, Image: c.Image, Started: new(bool)}
	old := statusOf(seen.Pod, c.Name)
	if run == nil {
		status.State.Waiting = &corev1.ContainerStateWaiting{Reason: unmade(seen.Pod, kind)}
		if old != nil && old.ContainerID != "" { // the runtime has forgotten it; the API has not
			status = *old.DeepCopy()
			status.Ready, status.Started = false, new(bool)
			if old.State.Running != nil {
				status.State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
					ExitCode: 137, Reason: "ContainerStatusUnknown", ContainerID: old.ContainerID,
					Message:   "The container could not be located when the pod was terminated",
					StartedAt: old.State.Running.StartedAt,
				}}
			}
		}
		waiting(seen, plan, c, kind, nil, &status)
		return status
	}
	status.RestartCount = int32(run.Attempt)
	status.ContainerID = seen.containerID(run)
	status.Image = cmp.Or(run.Image, c.Image)
	status.ImageID = run.ImageRef
	status.VolumeMounts = volumeMounts(c)
	if kind != Ephemeral {
		status.AllocatedResources = c.Resources.Requests.DeepCopy()
		status.Resources = c.Resources.DeepCopy()
	}
	if run.User != nil {
		status.User = &corev1.ContainerUser{Linux: &corev1.LinuxContainerUser{UID: run.User.UID, GID: run.User.GID, SupplementalGroups: run.User.Groups}}
	}
	status.State = stateOf(seen, run)
	if previous := seen.State.Previous(c.Name); previous != nil && previous.Phase == runtime.Exited {
		status.LastTerminationState = stateOf(seen, previous)
	} else if old != nil && old.RestartCount == status.RestartCount {
		status.LastTerminationState = *old.LastTerminationState.DeepCopy()
	}
	if run.Phase == runtime.Running {
		started := seen.Health.Started(run.ID)
		status.Started = &started
		status.Ready = started && seen.Health.Ready(run.ID) && (kind != Init || IsSidecar(c))
	}
	if kind == Init && !IsSidecar(c) && run.Phase == runtime.Exited && run.ExitCode == 0 {
		status.Ready = true
	}
	waiting(seen, plan, c, kind, run, &status)
	return status
}

// waiting replaces the state of a container that is to run and does not by why it does not.
func waiting(seen *Seen, plan Plan, c *corev1.Container, kind Kind, run *runtime.Container, status *corev1.ContainerStatus) {
	if plan.End != nil || run != nil && (run.Phase == runtime.Running || over(seen.Pod, c, kind, run)) {
		return
	}
	var reason Reason
	trouble, troubled := seen.Memory.Troubles[c.Name]
	planned, backingOff := plan.Waiting[c.Name]
	switch {
	case troubled && !trouble.Fatal:
		reason = trouble.Reason
	case backingOff:
		reason = planned.Reason
	case run != nil && run.Phase == runtime.Exited:
		return // it ended, and nothing has been decided yet; or it ended for good
	default:
		reason = Reason{Reason: unmade(seen.Pod, kind)}
	}
	if status.State.Terminated != nil {
		status.LastTerminationState = status.State
	}
	status.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason.Reason, Message: reason.Message}}
}

// unmade is why a container that was never made waits.
func unmade(pod *corev1.Pod, kind Kind) string {
	if kind != Ephemeral && len(pod.Spec.InitContainers) > 0 {
		return "PodInitializing"
	}
	return "ContainerCreating"
}

// over tells whether a container has ended for good.
func over(pod *corev1.Pod, c *corev1.Container, kind Kind, run *runtime.Container) bool {
	switch {
	case run.Phase != runtime.Exited:
		return false
	case kind == Ephemeral:
		return true
	case kind == Init && IsSidecar(c):
		return false
	case kind == Init:
		return !initRestarts(pod, c, run.ExitCode)
	}
	return !restarts(pod, c, run.ExitCode)
}

func stateOf(seen *Seen, run *runtime.Container) corev1.ContainerState {
	switch run.Phase {
	case runtime.Running:
		return corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(run.Started)}}
	case runtime.Exited:
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode:    run.ExitCode,
			Reason:      cmp.Or(run.Reason, reasonOf(run.ExitCode)),
			Message:     cmp.Or(seen.Memory.Messages[run.ID], run.Message),
			StartedAt:   metav1.NewTime(run.Started),
			FinishedAt:  metav1.NewTime(run.Finished),
			ContainerID: seen.containerID(run),
		}}
	case runtime.Unknown:
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
			ExitCode: 137, Reason: "ContainerStatusUnknown", ContainerID: seen.containerID(run),
			Message: "The container could not be located when the pod was terminated",
		}}
	}
	return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
}

func reasonOf(exitCode int32) string {
	if exitCode == 0 {
		return "Completed"
	}
	return "Error"
}

func (s *Seen) containerID(run *runtime.Container) string {
	return cmp.Or(s.Node.Runtime, "containerd") + "://" + run.ID
}

func volumeMounts(c *corev1.Container) []corev1.VolumeMountStatus {
	var list []corev1.VolumeMountStatus
	for _, mount := range c.VolumeMounts {
		status := corev1.VolumeMountStatus{Name: mount.Name, MountPath: mount.MountPath, ReadOnly: mount.ReadOnly}
		if mount.ReadOnly {
			mode := corev1.RecursiveReadOnlyDisabled
			status.RecursiveReadOnly = &mode
		}
		list = append(list, status)
	}
	return list
}

// statusOf finds what the API last heard of a container.
func statusOf(pod *corev1.Pod, name string) *corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{
		pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses, pod.Status.EphemeralContainerStatuses,
	} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}
