// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	corev1 "k8s.io/api/core/v1"
	resourcehelper "k8s.io/component-helpers/resource"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	minShares = 2
	maxShares = 262144
	// period of the CPU quota, in microseconds.
	period = 100_000
	// minQuota is the least that the kernel takes.
	minQuota = 1_000
)

// Shares turns thousandths of a core into cgroup v1's cpu.shares; runtimes convert it to cgroup v2's weight.
func Shares(milli int64) uint64 {
	if milli == 0 {
		return minShares
	}
	return uint64(min(max(milli*1024/1000, minShares), maxShares))
}

// Quota turns a limit of thousandths of a core into microseconds per period; 0 means no limit.
func Quota(milli int64) int64 {
	if milli == 0 {
		return 0
	}
	return max(milli*period/1000, minQuota)
}

// QOS is the class of service that a pod's requests and limits put it in.
func QOS(spec *corev1.PodSpec) corev1.PodQOSClass {
	guaranteed, any := true, false
	if r := spec.Resources; r != nil && (set(r.Requests) || set(r.Limits)) { // of the pod as a whole; it decides alone
		for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
			request, limit := r.Requests[name], r.Limits[name]
			if limit.IsZero() || !request.IsZero() && request.Cmp(limit) != 0 {
				return corev1.PodQOSBurstable
			}
		}
		return corev1.PodQOSGuaranteed
	}
	for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range list {
			r := &list[i].Resources
			any = any || set(r.Requests) || set(r.Limits)
			for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
				request, limit := r.Requests[name], r.Limits[name]
				if limit.IsZero() || !request.IsZero() && request.Cmp(limit) != 0 {
					guaranteed = false
				}
			}
		}
	}
	switch {
	case !any:
		return corev1.PodQOSBestEffort
	case guaranteed:
		return corev1.PodQOSGuaranteed
	}
	return corev1.PodQOSBurstable
}

func set(list corev1.ResourceList) bool {
	cpu, memory := list[corev1.ResourceCPU], list[corev1.ResourceMemory]
	return !cpu.IsZero() || !memory.IsZero()
}

// ClassOf is the class that the API server recorded, or else QOS.
func ClassOf(pod *corev1.Pod) corev1.PodQOSClass {
	if pod.Status.QOSClass != "" {
		return pod.Status.QOSClass
	}
	return QOS(&pod.Spec)
}

// OOMScore is the adjustment for a container: what the kernel kills first when memory runs out. Guaranteed pods go last;
// among the burstable, the less a container asked for, the earlier it goes.
func OOMScore(pod *corev1.Pod, c *corev1.Container, capacity int64) int64 {
	const guaranteed, bestEffort = -997, 1000
	switch ClassOf(pod) {
	case corev1.PodQOSGuaranteed:
		return guaranteed
	case corev1.PodQOSBestEffort:
		return bestEffort
	}
	if capacity <= 0 {
		return bestEffort - 1
	}
	request := c.Resources.Requests.Memory().Value()
	score := 1000 - 1000*request/capacity
	return min(max(score, 1000+guaranteed), bestEffort-1)
}

// Container returns what the runtime must hold a container to. capacity is the node's memory.
func Container(pod *corev1.Pod, c *corev1.Container, capacity int64) *cri.LinuxContainerResources {
	request := c.Resources.Requests.Cpu().MilliValue()
	limit := c.Resources.Limits.Cpu().MilliValue()
	if _, asked := c.Resources.Requests[corev1.ResourceCPU]; !asked && limit > 0 {
		request = limit
	}
	return &cri.LinuxContainerResources{
		CpuPeriod:          period,
		CpuShares:          int64(Shares(request)),
		CpuQuota:           Quota(limit),
		MemoryLimitInBytes: c.Resources.Limits.Memory().Value(),
		OomScoreAdj:        OOMScore(pod, c, capacity),
	}
}

// Limits of a cgroup; zero means none.
type Limits struct {
	Shares uint64
	Quota  int64
	Memory int64
}

// Pod returns the limits of the pod's own cgroup. A limit holds for the pod only when all its containers have one.
func Pod(pod *corev1.Pod) Limits {
	requests := resourcehelper.PodRequests(pod, resourcehelper.PodResourcesOptions{})
	limits := Limits{Shares: Shares(requests.Cpu().MilliValue())}
	if ClassOf(pod) == corev1.PodQOSBestEffort {
		limits.Shares = minShares
		return limits
	}
	total := resourcehelper.PodLimits(pod, resourcehelper.PodResourcesOptions{})
	cpu, memory := true, true
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			cpu = cpu && !list[i].Resources.Limits.Cpu().IsZero()
			memory = memory && !list[i].Resources.Limits.Memory().IsZero()
		}
	}
	if r := pod.Spec.Resources; r != nil {
		cpu = cpu || !r.Limits.Cpu().IsZero()
		memory = memory || !r.Limits.Memory().IsZero()
	}
	if cpu {
		limits.Quota = Quota(total.Cpu().MilliValue())
	}
	if memory {
		limits.Memory = total.Memory().Value()
	}
	return limits
}
