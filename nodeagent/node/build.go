// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Machine is what the node runs on.
type Machine struct {
	CPUs         int
	MemoryBytes  int64
	StorageBytes int64
	// HugePages by page size in bytes: how many bytes there are.
	HugePages map[int64]int64

	MachineID, SystemUUID, BootID string
	KernelVersion, OSImage        string
	OperatingSystem, Architecture string
	SwapBytes                     int64
}

// Settings are what the operator decided about the node.
type Settings struct {
	Name     string
	IPs      []string
	Labels   map[string]string
	Taints   []corev1.Taint
	PodCIDRs []string
	MaxPods  int64
	// Reserved is kept from pods.
	Reserved corev1.ResourceList
	// Version of Kubernetes that the agent speaks.
	Version string
	// Port of the agent's server.
	Port int32
	// Unschedulable registers the node cordoned.
	Unschedulable bool
	ProviderID    string
}

// Health is what conditions are made from.
type Health struct {
	// NotReady says why the node can't run pods; empty when it can.
	NotReady                         []string
	MemoryLow, DiskLow, ProcessesLow bool
	// Runtime names the container runtime, containerd://v2.4.2.
	Runtime string
	Images  []corev1.ContainerImage
}

// notReadyTaint keeps pods away until the node is ready; the node lifecycle controller takes it off.
const notReadyTaint = "node.kubernetes.io/not-ready"

// Labels that each node has.
func labels(s Settings, m Machine) map[string]string {
	all := map[string]string{
		corev1.LabelHostname:      s.Name,
		corev1.LabelOSStable:      m.OperatingSystem,
		corev1.LabelArchStable:    m.Architecture,
		"beta.kubernetes.io/os":   m.OperatingSystem,
		"beta.kubernetes.io/arch": m.Architecture,
	}
	maps.Copy(all, s.Labels)
	return all
}

// New returns the node to register.
func New(s Settings, m Machine, health Health, now time.Time) *corev1.Node {
	node := &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: s.Name, Labels: labels(s, m)},
		Spec: corev1.NodeSpec{
			Taints:        slices.Clone(s.Taints),
			PodCIDRs:      slices.Clone(s.PodCIDRs),
			Unschedulable: s.Unschedulable,
			ProviderID:    s.ProviderID,
		},
	}
	if len(s.PodCIDRs) > 0 {
		node.Spec.PodCIDR = s.PodCIDRs[0]
	}
	if !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.Key == notReadyTaint }) {
		node.Spec.Taints = append(node.Spec.Taints, corev1.Taint{Key: notReadyTaint, Effect: corev1.TaintEffectNoSchedule})
	}
	node.Status = Status(corev1.NodeStatus{}, s, m, health, now)
	return node
}

// Status returns the node's status. Of the old one it keeps what others wrote and the times of what did not change.
func Status(old corev1.NodeStatus, s Settings, m Machine, health Health, now time.Time) corev1.NodeStatus {
	status := *old.DeepCopy()
	status.Capacity = capacity(s, m)
	status.Allocatable = Allocatable(s, m)
	status.Addresses = addresses(s)
	status.DaemonEndpoints.KubeletEndpoint.Port = s.Port
	status.Images = health.Images
	status.NodeInfo = corev1.NodeSystemInfo{
		MachineID: m.MachineID, SystemUUID: m.SystemUUID, BootID: m.BootID,
		KernelVersion: m.KernelVersion, OSImage: m.OSImage,
		ContainerRuntimeVersion: health.Runtime, KubeletVersion: s.Version,
		OperatingSystem: m.OperatingSystem, Architecture: m.Architecture,
		Swap: &corev1.NodeSwapStatus{Capacity: &m.SwapBytes},
	}
	for _, c := range conditions(health) {
		setCondition(&status, c, now)
	}
	return status
}

func capacity(s Settings, m Machine) corev1.ResourceList {
	list := corev1.ResourceList{
		corev1.ResourceCPU:              *resource.NewQuantity(int64(m.CPUs), resource.DecimalSI),
		corev1.ResourceMemory:           *resource.NewQuantity(m.MemoryBytes, resource.BinarySI),
		corev1.ResourceEphemeralStorage: *resource.NewQuantity(m.StorageBytes, resource.BinarySI),
		corev1.ResourcePods:             *resource.NewQuantity(s.MaxPods, resource.DecimalSI),
	}
	for size, bytes := range m.HugePages {
		name := corev1.ResourceName(corev1.ResourceHugePagesPrefix + resource.NewQuantity(size, resource.BinarySI).String())
		list[name] = *resource.NewQuantity(bytes, resource.BinarySI)
	}
	return list
}

// Allocatable is the capacity but for what is reserved and for huge pages, which are memory too.
func Allocatable(s Settings, m Machine) corev1.ResourceList {
	list := capacity(s, m)
	for name, reserved := range s.Reserved {
		left, has := list[name]
		if !has {
			continue
		}
		left.Sub(reserved)
		if left.Sign() < 0 {
			left.Set(0)
		}
		list[name] = left
	}
	memory := list[corev1.ResourceMemory]
	for _, bytes := range m.HugePages {
		memory.Sub(*resource.NewQuantity(bytes, resource.BinarySI))
	}
	list[corev1.ResourceMemory] = memory
	return list
}

func addresses(s Settings) []corev1.NodeAddress {
	var list []corev1.NodeAddress
	for _, ip := range s.IPs {
		if net.ParseIP(ip) != nil {
			list = append(list, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: ip})
		}
	}
	return append(list, corev1.NodeAddress{Type: corev1.NodeHostName, Address: s.Name})
}

func conditions(h Health) []corev1.NodeCondition {
	pressure := func(kind corev1.NodeConditionType, low bool, bad, badMessage, good, goodMessage string) corev1.NodeCondition {
		if low {
			return corev1.NodeCondition{Type: kind, Status: corev1.ConditionTrue, Reason: bad, Message: badMessage}
		}
		return corev1.NodeCondition{Type: kind, Status: corev1.ConditionFalse, Reason: good, Message: goodMessage}
	}
	ready := corev1.NodeCondition{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", Message: "kubelet is posting ready status"}
	if len(h.NotReady) > 0 {
		ready.Status, ready.Reason, ready.Message = corev1.ConditionFalse, "KubeletNotReady", fmt.Sprintf("[%s]", strings.Join(h.NotReady, ", "))
		if len(h.NotReady) == 1 {
			ready.Message = h.NotReady[0]
		}
	}
	return []corev1.NodeCondition{
		pressure(corev1.NodeMemoryPressure, h.MemoryLow, "KubeletHasInsufficientMemory", "kubelet has insufficient memory available",
			"KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
		pressure(corev1.NodeDiskPressure, h.DiskLow, "KubeletHasDiskPressure", "kubelet has disk pressure",
			"KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
		pressure(corev1.NodePIDPressure, h.ProcessesLow, "KubeletHasInsufficientPID", "kubelet has insufficient PID available",
			"KubeletHasSufficientPID", "kubelet has sufficient PID available"),
		ready,
	}
}

// setCondition keeps the time of the last change when nothing changed.
func setCondition(status *corev1.NodeStatus, c corev1.NodeCondition, now time.Time) {
	c.LastHeartbeatTime, c.LastTransitionTime = metav1.NewTime(now), metav1.NewTime(now)
	for i := range status.Conditions {
		old := &status.Conditions[i]
		if old.Type != c.Type {
			continue
		}
		if old.Status == c.Status {
			c.LastTransitionTime = old.LastTransitionTime
		}
		*old = c
		return
	}
	status.Conditions = append(status.Conditions, c)
}

// Same tells whether two statuses differ in nothing but heartbeats.
func Same(a, b *corev1.NodeStatus) bool {
	a, b = a.DeepCopy(), b.DeepCopy()
	for _, status := range []*corev1.NodeStatus{a, b} {
		for i := range status.Conditions {
			status.Conditions[i].LastHeartbeatTime = metav1.Time{}
			status.Conditions[i].LastTransitionTime = metav1.Time{}
		}
	}
	return equality.Semantic.DeepEqual(a, b)
}
