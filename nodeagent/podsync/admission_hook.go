// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
	v1helper "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
)

// admissionHook refuses pods that the scheduler should not have sent: it may have decided on old news, or somebody bound
// the pod by hand.
type admissionHook struct{ NodeConfig }

func (h *admissionHook) Admit(pod *corev1.Pod, others []*corev1.Pod) *lifecycle.Reason {
	return Admit(pod, others, h.Node(), h.MaxPods)
}

// Admit returns why a node must not take a pod besides others; nil when it may.
func Admit(pod *corev1.Pod, others []*corev1.Pod, node *corev1.Node, maxPods int) *lifecycle.Reason {
	if match, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(node); err != nil || !match {
		return &lifecycle.Reason{Reason: "NodeAffinity", Message: "Pod was rejected: Predicate NodeAffinity failed: node(s) didn't match Pod's node affinity/selector"}
	}
	if system := pod.Labels["kubernetes.io/os"]; pod.Spec.OS != nil && string(pod.Spec.OS.Name) != "linux" || system != "" && system != "linux" {
		return &lifecycle.Reason{Reason: "PodOSNotSupported", Message: "Failed to admit pod as the OS field doesn't match node OS"}
	}
	filter := func(t *corev1.Taint) bool { return t.Effect == corev1.TaintEffectNoExecute }
	if taint, untolerated := v1helper.FindMatchingUntoleratedTaint(klog.Background(), node.Spec.Taints, pod.Spec.Tolerations, filter, true); untolerated {
		return &lifecycle.Reason{Reason: "TaintToleration", Message: fmt.Sprintf("Pod was rejected: Predicate TaintToleration failed: node(s) had untolerated taint {%s: %s}", taint.Key, taint.Value)}
	}
	if clash := portClash(pod, others); clash {
		return &lifecycle.Reason{Reason: "NodePorts", Message: "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports"}
	}
	return fits(pod, others, node, maxPods)
}

func fits(pod *corev1.Pod, others []*corev1.Pod, node *corev1.Node, maxPods int) *lifecycle.Reason {
	if maxPods > 0 && len(others)+1 > maxPods {
		return &lifecycle.Reason{Reason: "OutOfpods", Message: fmt.Sprintf("Pod was rejected: Node didn't have enough resource: pods, requested: 1, used: %d, capacity: %d", len(others), maxPods)}
	}
	used := map[corev1.ResourceName]int64{}
	for _, other := range others {
		for name, quantity := range resourcehelper.PodRequests(other, resourcehelper.PodResourcesOptions{}) {
			used[name] += amount(name, quantity.MilliValue(), quantity.Value())
		}
	}
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	for _, name := range sortedNames(requests) {
		quantity := requests[name]
		wanted := amount(name, quantity.MilliValue(), quantity.Value())
		if wanted == 0 {
			continue
		}
		have := node.Status.Allocatable[name]
		capacity := amount(name, have.MilliValue(), have.Value())
		if used[name]+wanted > capacity {
			return &lifecycle.Reason{Reason: "OutOf" + string(name), Message: fmt.Sprintf(
				"Pod was rejected: Node didn't have enough resource: %s, requested: %d, used: %d, capacity: %d", name, wanted, used[name], capacity)}
		}
	}
	return nil
}

func amount(name corev1.ResourceName, milli, whole int64) int64 {
	if name == corev1.ResourceCPU {
		return milli
	}
	return whole
}

type hostPort struct {
	ip       string
	port     int32
	protocol corev1.Protocol
}

func portClash(pod *corev1.Pod, others []*corev1.Pod) bool {
	mine := hostPorts(pod)
	if len(mine) == 0 {
		return false
	}
	for _, other := range others {
		for _, a := range hostPorts(other) {
			for _, b := range mine {
				if a.port == b.port && a.protocol == b.protocol && (a.ip == b.ip || a.ip == anyIP || b.ip == anyIP) {
					return true
				}
			}
		}
	}
	return false
}

const anyIP = "0.0.0.0"

func hostPorts(pod *corev1.Pod) (ports []hostPort) {
	for _, list := range [][]corev1.Container{pod.Spec.Containers, sidecars(pod)} {
		for i := range list {
			for _, p := range list[i].Ports {
				if p.HostPort > 0 {
					ip := p.HostIP
					if ip == "" {
						ip = anyIP
					}
					protocol := p.Protocol
					if protocol == "" {
						protocol = corev1.ProtocolTCP
					}
					ports = append(ports, hostPort{ip, p.HostPort, protocol})
				}
			}
		}
	}
	return ports
}

func sidecars(pod *corev1.Pod) (list []corev1.Container) {
	for i := range pod.Spec.InitContainers {
		if lifecycle.IsSidecar(&pod.Spec.InitContainers[i]) {
			list = append(list, pod.Spec.InitContainers[i])
		}
	}
	return list
}
