// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ours are the conditions that the node owns; others, such as readiness gates and DisruptionTarget, are kept as they are.
var ours = []corev1.PodConditionType{
	corev1.PodReadyToStartContainers, corev1.PodInitialized, corev1.PodReady, corev1.ContainersReady, corev1.PodScheduled,
}

// conditions returns all conditions of a pod whose phase and container statuses are already in status.
func conditions(seen *Seen, status *corev1.PodStatus) []corev1.PodCondition {
	containers := containersReady(seen, status)
	list := []corev1.PodCondition{
		readyToStart(seen, status),
		initializedCondition(seen, status),
		podReady(seen, containers),
		containers,
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
	}
	for i := range list {
		c := &list[i]
		c.ObservedGeneration = seen.Pod.Generation
		c.LastTransitionTime = metav1.NewTime(seen.Now)
		if old := condition(&seen.Pod.Status, c.Type); old != nil {
			if old.Status == c.Status {
				c.LastTransitionTime = old.LastTransitionTime
			}
			c.LastProbeTime = old.LastProbeTime
		}
	}
	for _, old := range seen.Pod.Status.Conditions {
		if !slices.Contains(ours, old.Type) {
			list = append(list, old)
		}
	}
	return list
}

func readyToStart(seen *Seen, status *corev1.PodStatus) corev1.PodCondition {
	sandbox := seen.State.Sandbox()
	ready := sandbox != nil && sandbox.Ready && len(status.PodIPs) > 0
	return corev1.PodCondition{Type: corev1.PodReadyToStartContainers, Status: truth(ready)}
}

func initializedCondition(seen *Seen, status *corev1.PodStatus) corev1.PodCondition {
	c := corev1.PodCondition{Type: corev1.PodInitialized, Status: corev1.ConditionTrue}
	if status.Phase == corev1.PodSucceeded {
		c.Reason = "PodCompleted"
		return c
	}
	if names := uninitialized(seen); len(names) > 0 {
		c.Status, c.Reason = corev1.ConditionFalse, "ContainersNotInitialized"
		c.Message = fmt.Sprintf("containers with incomplete status: %v", names)
	}
	return c
}

func containersReady(seen *Seen, status *corev1.PodStatus) corev1.PodCondition {
	c := corev1.PodCondition{Type: corev1.ContainersReady, Status: corev1.ConditionFalse}
	switch status.Phase {
	case corev1.PodSucceeded:
		c.Reason = "PodCompleted"
		return c
	case corev1.PodFailed:
		c.Reason = "PodFailed"
		return c
	}
	var unready []string
	for i := range seen.Pod.Spec.InitContainers {
		if IsSidecar(&seen.Pod.Spec.InitContainers[i]) && !status.InitContainerStatuses[i].Ready {
			unready = append(unready, seen.Pod.Spec.InitContainers[i].Name)
		}
	}
	for i := range seen.Pod.Spec.Containers {
		name := seen.Pod.Spec.Containers[i].Name
		ready := slices.ContainsFunc(status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == name && s.Ready })
		if !ready {
			unready = append(unready, name)
		}
	}
	if len(unready) > 0 {
		c.Reason, c.Message = "ContainersNotReady", "containers with unready status: ["+strings.Join(unready, " ")+"]"
		return c
	}
	c.Status = corev1.ConditionTrue
	return c
}

// podReady is the containers' readiness and that of all gates.
func podReady(seen *Seen, containers corev1.PodCondition) corev1.PodCondition {
	c := corev1.PodCondition{Type: corev1.PodReady, Status: containers.Status, Reason: containers.Reason, Message: containers.Message}
	if containers.Status != corev1.ConditionTrue {
		return c
	}
	var closed []string
	for _, gate := range seen.Pod.Spec.ReadinessGates {
		switch old := condition(&seen.Pod.Status, gate.ConditionType); {
		case old == nil:
			closed = append(closed, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", gate.ConditionType))
		case old.Status != corev1.ConditionTrue:
			closed = append(closed, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %s", gate.ConditionType, old.Status))
		}
	}
	if len(closed) > 0 {
		c.Status, c.Reason, c.Message = corev1.ConditionFalse, "ReadinessGatesNotReady", strings.Join(closed, ", ")
	}
	return c
}

func condition(status *corev1.PodStatus, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

func truth(b bool) corev1.ConditionStatus {
	if b {
		return corev1.ConditionTrue
	}
	return corev1.ConditionFalse
}
