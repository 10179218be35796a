// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	resourcehelper "k8s.io/component-helpers/resource"
)

// What a container that requests nothing is taken to use when nodes are scored, so that such pods spread too. The
// figures are Kubernetes' own.
const (
	DefaultMilliCPU = 100
	DefaultMemory   = 200 << 20
)

var nonMissing = corev1.ResourceList{
	corev1.ResourceCPU:    *resource.NewMilliQuantity(DefaultMilliCPU, resource.DecimalSI),
	corev1.ResourceMemory: *resource.NewQuantity(DefaultMemory, resource.BinarySI),
}

// Request is an amount of one resource.
type Request struct {
	Resource ResourceID
	Amount   int64
}

// HostPort is a port taken on the node itself.
type HostPort struct {
	Protocol corev1.Protocol
	IP       string // "0.0.0.0" stands for every address
	Port     int32
}

// Conflicts reports whether both cannot be taken on one node.
func (p HostPort) Conflicts(o HostPort) bool {
	return p.Port == o.Port && p.Protocol == o.Protocol && (p.IP == o.IP || p.IP == anyIP || o.IP == anyIP)
}

const anyIP = "0.0.0.0"

// Pod is a pod together with the figures that scheduling asks for again and again. It is never changed once made, and
// neither is the object behind it: informers own that.
type Pod struct {
	Object *corev1.Pod
	// Requests is sorted by resource and holds no zero amounts.
	Requests []Request
	// NonZeroCPU and NonZeroMemory are the requests with a default for containers that state none.
	NonZeroCPU, NonZeroMemory int64
	Ports                     []HostPort
	Priority                  int32
}

// NewPod works the figures out.
func NewPod(obj *corev1.Pod, resources *Resources) *Pod {
	pod := &Pod{Object: obj, Ports: hostPorts(obj)}
	if obj.Spec.Priority != nil {
		pod.Priority = *obj.Spec.Priority
	}
	list := pod.TotalRequests()
	for name, quantity := range list {
		if n := amount(name, quantity); n > 0 {
			pod.Requests = append(pod.Requests, Request{Resource: resources.ID(name), Amount: n})
		}
	}
	slices.SortFunc(pod.Requests, func(a, b Request) int { return cmp.Compare(a.Resource, b.Resource) })
	if !everyContainerRequests(obj) {
		list = resourcehelper.PodRequests(obj, resourcehelper.PodResourcesOptions{
			UseStatusResources: true, NonMissingContainerRequests: nonMissing})
	}
	pod.NonZeroCPU = amount(corev1.ResourceCPU, list[corev1.ResourceCPU])
	pod.NonZeroMemory = amount(corev1.ResourceMemory, list[corev1.ResourceMemory])
	return pod
}

// TotalRequests is what the pod requests in the form that nodes state what they have. It works the sums out anew.
func (p *Pod) TotalRequests() corev1.ResourceList {
	return resourcehelper.PodRequests(p.Object, resourcehelper.PodResourcesOptions{UseStatusResources: true})
}

// UID identifies the pod for as long as it lives.
func (p *Pod) UID() types.UID { return p.Object.UID }

// Request returns the amount requested of one resource, zero when it is not mentioned.
func (p *Pod) Request(id ResourceID) int64 {
	for _, r := range p.Requests {
		if r.Resource == id {
			return r.Amount
		}
	}
	return 0
}

// everyContainerRequests reports whether no default would come in, which spares a second summing up.
func everyContainerRequests(obj *corev1.Pod) bool {
	for _, list := range [][]corev1.Container{obj.Spec.Containers, obj.Spec.InitContainers} {
		for i := range list {
			requests := list[i].Resources.Requests
			if _, ok := requests[corev1.ResourceCPU]; !ok {
				return false
			}
			if _, ok := requests[corev1.ResourceMemory]; !ok {
				return false
			}
		}
	}
	return true
}

// hostPorts lists the host ports of containers that live as long as the pod: the ordinary ones and sidecars.
func hostPorts(obj *corev1.Pod) []HostPort {
	var ports []HostPort
	add := func(c *corev1.Container) {
		for _, p := range c.Ports {
			if p.HostPort <= 0 {
				continue
			}
			port := HostPort{Protocol: p.Protocol, IP: p.HostIP, Port: p.HostPort}
			if port.Protocol == "" {
				port.Protocol = corev1.ProtocolTCP
			}
			if port.IP == "" {
				port.IP = anyIP
			}
			ports = append(ports, port)
		}
	}
	for i := range obj.Spec.InitContainers {
		if c := &obj.Spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			add(c)
		}
	}
	for i := range obj.Spec.Containers {
		add(&obj.Spec.Containers[i])
	}
	return ports
}
