// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// phase sums the containers up. ended tells that nothing will be started any more.
func phase(seen *Seen, ended bool) corev1.PodPhase {
	pod := seen.Pod
	if Terminal(pod.Status.Phase) {
		return pod.Status.Phase
	}
	if failedInit(seen) {
		return corev1.PodFailed
	}
	var running, waiting, succeeded, failed, unmade int
	for i := range pod.Spec.Containers {
		c := &pod.Spec.Containers[i]
		run := seen.State.Container(c.Name)
		switch {
		case run == nil, run.Phase == runtime.Created && run.Attempt == 0:
			unmade++
		case run.Phase == runtime.Running:
			running++
		case run.Phase != runtime.Exited:
			waiting++
		case !ended && restarts(pod, c, run.ExitCode):
			waiting++
		case run.ExitCode == 0:
			succeeded++
		default:
			failed++
		}
	}
	switch {
	case unmade == len(pod.Spec.Containers) && unmade > 0, !initialized(seen):
		if ended {
			return corev1.PodFailed // it will never run
		}
		return corev1.PodPending
	case unmade > 0 && !ended:
		// Some wait for their first start, such as for an image.
		return corev1.PodPending
	case running > 0, waiting > 0:
		return corev1.PodRunning
	}
	return verdict(failed + unmade)
}

func verdict(failed int) corev1.PodPhase {
	if failed > 0 {
		return corev1.PodFailed
	}
	return corev1.PodSucceeded
}

// failedInit tells whether an init container ended for good without success.
func failedInit(seen *Seen) bool {
	for i := range seen.Pod.Spec.InitContainers {
		c := &seen.Pod.Spec.InitContainers[i]
		run := seen.State.Container(c.Name)
		if !IsSidecar(c) && run != nil && run.Phase == runtime.Exited && run.ExitCode != 0 && !initRestarts(seen.Pod, c, run.ExitCode) {
			return true
		}
	}
	return false
}

// initialized tells whether all init containers are done, and sidecars started. It stays true once a main container was
// made, since then they are not run again in that sandbox.
func initialized(seen *Seen) bool { return len(uninitialized(seen)) == 0 }

func uninitialized(seen *Seen) (names []string) {
	for i := range seen.Pod.Spec.Containers {
		if run := seen.State.Container(seen.Pod.Spec.Containers[i].Name); run != nil && inPresentSandbox(seen, run) {
			return nil
		}
	}
	for i := range seen.Pod.Spec.InitContainers {
		c := &seen.Pod.Spec.InitContainers[i]
		run := seen.State.Container(c.Name)
		switch {
		case run == nil:
			names = append(names, c.Name)
		case IsSidecar(c):
			if run.Phase != runtime.Running || !seen.Health.Started(run.ID) {
				names = append(names, c.Name)
			}
		case run.Phase != runtime.Exited || run.ExitCode != 0:
			names = append(names, c.Name)
		}
	}
	return names
}

func inPresentSandbox(seen *Seen, run *runtime.Container) bool {
	sandbox := seen.State.Sandbox()
	return sandbox == nil || run.SandboxID == sandbox.ID
}

// startTime is when the node took the pod.
func startTime(seen *Seen) time.Time {
	if started := seen.Pod.Status.StartTime; started != nil {
		return started.Time
	}
	return seen.Memory.Accepted
}
