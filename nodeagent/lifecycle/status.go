// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/nodeagent/resources"
)

// Status returns the pod's status as the API should show it now. plan is the one made from the same observation.
func Status(seen Seen, plan Plan) corev1.PodStatus {
	pod := seen.Pod
	ended := plan.End != nil && !seen.State.Running()
	status := corev1.PodStatus{
		ObservedGeneration: pod.Generation,
		Phase:              phase(&seen, ended),
		NominatedNodeName:  pod.Status.NominatedNodeName,
		QOSClass:           pod.Status.QOSClass,
		Resize:             pod.Status.Resize,
		StartTime:          &metav1.Time{Time: startTime(&seen)},
		// Claims are told by their own controllers; the API refuses a node that changes what they say.
		ResourceClaimStatuses:                pod.Status.ResourceClaimStatuses,
		ExtendedResourceClaimStatus:          pod.Status.ExtendedResourceClaimStatus,
		NodeAllocatableResourceClaimStatuses: pod.Status.NodeAllocatableResourceClaimStatuses,
	}
	if status.QOSClass == "" {
		status.QOSClass = resources.QOS(&pod.Spec)
	}
	switch {
	case plan.End != nil && plan.End.Reason.Reason != "":
		status.Reason, status.Message = plan.End.Reason.Reason, plan.End.Message
		if !seen.State.Running() {
			status.Phase = corev1.PodFailed
		}
	case Terminal(pod.Status.Phase):
		status.Reason, status.Message = pod.Status.Reason, pod.Status.Message
	}
	if Terminal(status.Phase) && !Terminal(pod.Status.Phase) && seen.State.Running() {
		status.Phase = corev1.PodRunning // the verdict stands, but is told when nothing runs any more
	}
	addresses(&status, &seen)
	status.InitContainerStatuses = containerStatuses(&seen, plan, pod.Spec.InitContainers, Init)
	status.ContainerStatuses = containerStatuses(&seen, plan, pod.Spec.Containers, Main)
	slices.SortFunc(status.ContainerStatuses, func(a, b corev1.ContainerStatus) int {
		if a.Name < b.Name {
			return -1
		}
		return 1
	})
	var ephemeral []corev1.Container
	for i := range pod.Spec.EphemeralContainers {
		ephemeral = append(ephemeral, corev1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon))
	}
	status.EphemeralContainerStatuses = containerStatuses(&seen, plan, ephemeral, Ephemeral)
	status.Conditions = conditions(&seen, &status)
	return status
}

func addresses(status *corev1.PodStatus, seen *Seen) {
	for _, ip := range seen.Node.HostIPs {
		status.HostIPs = append(status.HostIPs, corev1.HostIP{IP: ip})
	}
	if len(status.HostIPs) > 0 {
		status.HostIP = status.HostIPs[0].IP
	}
	var ips []string
	if sandbox := seen.State.Sandbox(); seen.Pod.Spec.HostNetwork && sandbox != nil {
		ips = seen.Node.HostIPs
	} else if sandbox != nil && sandbox.Ready {
		ips = sandbox.IPs
	}
	for _, ip := range ips {
		status.PodIPs = append(status.PodIPs, corev1.PodIP{IP: ip})
	}
	if len(ips) == 0 {
		// A pod that ends keeps the address that it had, so that those who watch it can still tell which one it was.
		status.PodIPs = slices.Clone(seen.Pod.Status.PodIPs)
	}
	if len(status.PodIPs) > 0 {
		status.PodIP = status.PodIPs[0].IP
	}
}
