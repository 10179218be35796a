// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// PodKeyOf is the key of a pod's host ports in the model.
func PodKeyOf(pod *corev1.Pod) Key {
	return Key{Source: FromPod, NamespacedName: types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}}
}

// ResolvePod works out the host ports of a pod on this node; nil when it has
// none that can be served: it is on another node, uses the node's own network,
// has no address yet, or has ended.
func ResolvePod(pod *corev1.Pod, node Node) *Service {
	if pod.Spec.NodeName != node.Name || pod.Spec.HostNetwork ||
		pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return nil
	}
	addr, ok := parse4(pod.Status.PodIP)
	if !ok {
		return nil
	}
	resolved := &Service{Key: PodKeyOf(pod)}
	for _, containers := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range containers {
			for _, port := range containers[i].Ports {
				if port.HostPort > 0 {
					resolved.Ports = append(resolved.Ports, hostPort(addr, port, node))
				}
			}
		}
	}
	if len(resolved.Ports) == 0 {
		return nil
	}
	slices.SortStableFunc(resolved.Ports, func(a, b Port) int { return a.ID.Compare(b.ID) })
	separate(resolved)
	return resolved
}

// hostPort files the one endpoint under the pod's own address: no Service has
// that as its cluster IP, so identities cannot collide.
func hostPort(pod netip.Addr, port corev1.ContainerPort, node Node) Port {
	protocol := protocolOf(port.Protocol)
	endpoint := Endpoint{Addr: pod, Port: uint16(port.ContainerPort), OnNode: true}
	resolved := Port{
		Name:  port.Name,
		ID:    Frontend{Addr: pod, Protocol: protocol, Port: uint16(port.HostPort)},
		Pools: [Scopes][]Endpoint{{endpoint}, {endpoint}},
	}
	addresses := node.Addresses
	if only, ok := parse4(port.HostIP); ok && !only.IsUnspecified() {
		addresses = []netip.Addr{only}
	}
	for _, addr := range addresses {
		resolved.Entries = append(resolved.Entries, Entry{
			Frontend: Frontend{Addr: addr, Protocol: protocol, Port: uint16(port.HostPort)}, Kind: HostPort,
		})
	}
	slices.SortFunc(resolved.Entries, func(a, b Entry) int { return a.Frontend.Compare(b.Frontend) })
	return resolved
}
