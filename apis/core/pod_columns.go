// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// nodeLost is the reason of pods whose node is gone and whose deletion nobody has confirmed.
const nodeLost = "NodeLost"

// podSummary is what kubectl shows of a pod in one line.
type podSummary struct {
	ready, status, restarts string
}

// restartCount adds up restarts and remembers when the last one was.
type restartCount struct {
	count int32
	last  metav1.Time
}

func (r *restartCount) add(status *corev1.ContainerStatus) {
	r.count += status.RestartCount
	if ended := status.LastTerminationState.Terminated; ended != nil && r.last.Before(&ended.FinishedAt) {
		r.last = ended.FinishedAt
	}
}

func (r *restartCount) String(now time.Time) string {
	if r.count == 0 || r.last.IsZero() {
		return strconv.Itoa(int(r.count))
	}
	return fmt.Sprintf("%d (%s ago)", r.count, kind.Since(r.last, now))
}

// summarize boils a pod's state down to one line. While init containers run, the first that is not done decides;
// afterwards the containers do, the first one having the last word.
func summarize(pod *corev1.Pod, now time.Time) podSummary {
	status := string(pod.Status.Phase)
	if pod.Status.Reason != "" {
		status = pod.Status.Reason
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled && condition.Reason == corev1.PodReasonSchedulingGated {
			status = corev1.PodReasonSchedulingGated
		}
	}
	sidecars := sidecarsOf(pod)
	total, ready := len(pod.Spec.Containers)+len(sidecars), 0

	var restarts, sidecarRestarts restartCount
	initializing := ""
	for i := range pod.Status.InitContainerStatuses {
		container := &pod.Status.InitContainerStatuses[i]
		restarts.add(container)
		if sidecars[container.Name] {
			sidecarRestarts.add(container)
			if container.Started != nil && *container.Started {
				if container.Ready {
					ready++
				}
				continue
			}
		}
		if initializing = initStatus(container, i, len(pod.Spec.InitContainers)); initializing != "" {
			status = initializing
			break
		}
	}
	if initializing == "" || hasTrueCondition(pod, corev1.PodInitialized) {
		restarts = sidecarRestarts
		running := false
		for i := len(pod.Status.ContainerStatuses) - 1; i >= 0; i-- {
			container := &pod.Status.ContainerStatuses[i]
			restarts.add(container)
			if s := containerStatus(container); s != "" {
				status = s
			} else if container.Ready && container.State.Running != nil {
				running = true
				ready++
			}
		}
		if status == "Completed" && running { // some containers are done, others go on
			status = "NotReady"
			if hasTrueCondition(pod, corev1.PodReady) {
				status = "Running"
			}
		}
	}
	if pod.DeletionTimestamp != nil {
		if pod.Status.Reason == nodeLost {
			status = "Unknown"
		} else if pod.Status.Phase != corev1.PodFailed && pod.Status.Phase != corev1.PodSucceeded {
			status = "Terminating"
		}
	}
	return podSummary{
		ready:    fmt.Sprintf("%d/%d", ready, total),
		status:   status,
		restarts: restarts.String(now),
	}
}

// initStatus is empty when the init container is done with.
func initStatus(c *corev1.ContainerStatus, index, total int) string {
	switch ended, waiting := c.State.Terminated, c.State.Waiting; {
	case ended != nil && ended.ExitCode == 0:
		return ""
	case ended != nil:
		return "Init:" + terminationReason(ended)
	case waiting != nil && waiting.Reason != "" && waiting.Reason != "PodInitializing":
		return "Init:" + waiting.Reason
	}
	return fmt.Sprintf("Init:%d/%d", index, total)
}

// containerStatus is empty for a running container.
func containerStatus(c *corev1.ContainerStatus) string {
	switch ended, waiting := c.State.Terminated, c.State.Waiting; {
	case waiting != nil && waiting.Reason != "":
		return waiting.Reason
	case ended != nil:
		return terminationReason(ended)
	}
	return ""
}

func terminationReason(ended *corev1.ContainerStateTerminated) string {
	switch {
	case ended.Reason != "":
		return ended.Reason
	case ended.Signal != 0:
		return fmt.Sprintf("Signal:%d", ended.Signal)
	}
	return fmt.Sprintf("ExitCode:%d", ended.ExitCode)
}

func sidecarsOf(pod *corev1.Pod) map[string]bool {
	sidecars := map[string]bool{}
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			sidecars[c.Name] = true
		}
	}
	return sidecars
}

func hasTrueCondition(pod *corev1.Pod, wanted corev1.PodConditionType) bool {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == wanted {
			return condition.Status == corev1.ConditionTrue
		}
	}
	return false
}

func readinessGates(pod *corev1.Pod) string {
	if len(pod.Spec.ReadinessGates) == 0 {
		return "<none>"
	}
	open := 0
	for _, gate := range pod.Spec.ReadinessGates {
		if hasTrueCondition(pod, gate.ConditionType) {
			open++
		}
	}
	return fmt.Sprintf("%d/%d", open, len(pod.Spec.ReadinessGates))
}

// podRowConditions mark pods that are done, which clients may hide or dim.
func podRowConditions(pod *corev1.Pod) []metav1.TableRowCondition {
	done := func(reason, message string) []metav1.TableRowCondition {
		return []metav1.TableRowCondition{{
			Type: metav1.RowCompleted, Status: metav1.ConditionTrue, Reason: reason, Message: message,
		}}
	}
	switch pod.Status.Phase {
	case corev1.PodSucceeded:
		return done(string(corev1.PodSucceeded), "The pod has completed successfully.")
	case corev1.PodFailed:
		return done(string(corev1.PodFailed), "The pod failed.")
	}
	return nil
}
