// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package plugins_test

import (
	"fmt"
	"math"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"
)

// The oracle says what filters and scores must be, straight from objects: no columns, no sharing, no memory, no line of
// the code under test. Where Kubernetes publishes a rule as a library (selectors, tolerations), it asks that.

// site is a node with the pods on it.
type site struct {
	node *corev1.Node
	pods []*corev1.Pod
}

type opinion struct {
	plugin  string
	reasons []string
}

func requestOf(pod *corev1.Pod, name corev1.ResourceName, missing string) resource.Quantity {
	of := func(c *corev1.Container) resource.Quantity {
		q, ok := c.Resources.Requests[name]
		if !ok && missing != "" {
			return resource.MustParse(missing)
		}
		return q.DeepCopy()
	}
	var running, peak, sidecars resource.Quantity
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			sidecars.Add(of(c))
			if sidecars.Cmp(peak) > 0 {
				peak = sidecars.DeepCopy()
			}
			continue
		}
		now := sidecars.DeepCopy()
		now.Add(of(c))
		if now.Cmp(peak) > 0 {
			peak = now
		}
	}
	running = sidecars.DeepCopy()
	for i := range pod.Spec.Containers {
		running.Add(of(&pod.Spec.Containers[i]))
	}
	if peak.Cmp(running) > 0 {
		running = peak
	}
	if overhead, ok := pod.Spec.Overhead[name]; ok {
		running.Add(overhead)
	}
	return running
}

func (s *site) used(name corev1.ResourceName, missing string) resource.Quantity {
	var sum resource.Quantity
	for _, pod := range s.pods {
		sum.Add(requestOf(pod, name, missing))
	}
	return sum
}

var oracleResources = []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory, corev1.ResourceEphemeralStorage, "example.com/gpu"}

// reject returns the first filter that keeps the pod off the node, in the default order.
func (s *site) reject(pod *corev1.Pod) *opinion {
	tolerated := func(t *corev1.Taint) bool {
		return slices.ContainsFunc(pod.Spec.Tolerations, func(tol corev1.Toleration) bool {
			return tol.ToleratesTaint(klog.Background(), t, true)
		})
	}
	if s.node.Spec.Unschedulable && !tolerated(&corev1.Taint{Key: "node.kubernetes.io/unschedulable", Effect: "NoSchedule"}) {
		return &opinion{"NodeUnschedulable", []string{"node(s) were unschedulable"}}
	}
	if pod.Spec.NodeName != "" && pod.Spec.NodeName != s.node.Name {
		return &opinion{"NodeName", []string{"node(s) didn't match the requested node name"}}
	}
	for _, t := range s.node.Spec.Taints {
		if t.Effect != "PreferNoSchedule" && !tolerated(&t) {
			return &opinion{"TaintToleration", []string{fmt.Sprintf("node(s) had untolerated taint {%s: %s}", t.Key, t.Value)}}
		}
	}
	if match, err := nodeaffinity.GetRequiredNodeAffinity(pod).Match(s.node); !match || err != nil {
		return &opinion{"NodeAffinity", []string{"node(s) didn't match Pod's node affinity/selector"}}
	}
	if s.portTaken(pod) {
		return &opinion{"NodePorts", []string{"node(s) didn't have free ports for the requested pod ports"}}
	}
	var reasons []string
	if capacity := s.node.Status.Allocatable[corev1.ResourcePods]; int64(len(s.pods))+1 > capacity.Value() {
		reasons = append(reasons, "Too many pods")
	}
	for _, name := range oracleResources {
		want := requestOf(pod, name, "")
		if want.IsZero() {
			continue
		}
		free := s.node.Status.Allocatable[name].DeepCopy()
		free.Sub(s.used(name, ""))
		if want.Cmp(free) > 0 {
			reasons = append(reasons, "Insufficient "+string(name))
		}
	}
	if len(reasons) > 0 {
		return &opinion{"NodeResourcesFit", reasons}
	}
	return nil
}

func (s *site) portTaken(pod *corev1.Pod) bool {
	type port struct {
		ip, protocol string
		number       int32
	}
	of := func(pod *corev1.Pod) (ports []port) {
		for _, c := range pod.Spec.Containers {
			for _, p := range c.Ports {
				if p.HostPort > 0 {
					ports = append(ports, port{p.HostIP, string(p.Protocol), p.HostPort})
				}
			}
		}
		return ports
	}
	everywhere := func(ip string) bool { return ip == "" || ip == "0.0.0.0" }
	for _, want := range of(pod) {
		for _, other := range s.pods {
			for _, have := range of(other) {
				if want.number == have.number && want.protocol == have.protocol &&
					(everywhere(want.ip) || everywhere(have.ip) || want.ip == have.ip) {
					return true
				}
			}
		}
	}
	return false
}

// scores returns each feasible node's marks by plugin, after normalizing.
func scores(sites []*site, pod *corev1.Pod) map[string]map[string]int64 {
	var feasible []*site
	for _, s := range sites {
		if s.reject(pod) == nil {
			feasible = append(feasible, s)
		}
	}
	taints, affinity := map[string]int64{}, map[string]int64{}
	var mostTaints, mostAffinity int64
	for _, s := range feasible {
		taints[s.node.Name] = s.unwelcome(pod)
		mostTaints = max(mostTaints, taints[s.node.Name])
		affinity[s.node.Name] = s.preferred(pod)
		mostAffinity = max(mostAffinity, affinity[s.node.Name])
	}
	all := map[string]map[string]int64{}
	for _, s := range feasible {
		name := s.node.Name
		marks := map[string]int64{
			"TaintToleration": 100, "NodeAffinity": 0,
			"NodeResourcesFit":                s.least(pod),
			"NodeResourcesBalancedAllocation": s.balance(pod),
			"ImageLocality":                   s.images(pod, sites),
		}
		if mostTaints > 0 {
			marks["TaintToleration"] = 100 - 100*taints[name]/mostTaints
		}
		if mostAffinity > 0 {
			marks["NodeAffinity"] = 100 * affinity[name] / mostAffinity
		}
		all[name] = marks
	}
	return all
}

var oracleWeights = map[string]int64{
	"TaintToleration": 3, "NodeAffinity": 2, "NodeResourcesFit": 1, "NodeResourcesBalancedAllocation": 1, "ImageLocality": 1,
}

func (s *site) unwelcome(pod *corev1.Pod) (count int64) {
	for _, t := range s.node.Spec.Taints {
		if t.Effect != "PreferNoSchedule" {
			continue
		}
		welcome := slices.ContainsFunc(pod.Spec.Tolerations, func(tol corev1.Toleration) bool {
			return (tol.Effect == "" || tol.Effect == "PreferNoSchedule") && tol.ToleratesTaint(klog.Background(), &t, true)
		})
		if !welcome {
			count++
		}
	}
	return count
}

func (s *site) preferred(pod *corev1.Pod) int64 {
	if pod.Spec.Affinity == nil || pod.Spec.Affinity.NodeAffinity == nil {
		return 0
	}
	terms, err := nodeaffinity.NewPreferredSchedulingTerms(pod.Spec.Affinity.NodeAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
	if err != nil {
		panic(err)
	}
	return terms.Score(s.node)
}

func (s *site) least(pod *corev1.Pod) int64 {
	var sum, resources int64
	for name, missing := range map[corev1.ResourceName]string{corev1.ResourceCPU: "100m", corev1.ResourceMemory: "200Mi"} {
		have, used, want := s.node.Status.Allocatable[name], s.used(name, missing), requestOf(pod, name, missing)
		if have.IsZero() {
			continue
		}
		used.Add(want)
		if resources++; used.Cmp(have) <= 0 {
			sum += (have.MilliValue() - used.MilliValue()) * 100 / have.MilliValue()
		}
	}
	if resources == 0 {
		return 0
	}
	return sum / resources
}

func (s *site) balance(pod *corev1.Pod) int64 {
	var fractions []float64
	var wanted bool
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		have, used, want := s.node.Status.Allocatable[name], s.used(name, ""), requestOf(pod, name, "")
		wanted = wanted || !want.IsZero()
		if have.IsZero() {
			continue
		}
		used.Add(want)
		if name == corev1.ResourceCPU {
			fractions = append(fractions, min(1, float64(used.MilliValue())/float64(have.MilliValue())))
		} else {
			fractions = append(fractions, min(1, float64(used.Value())/float64(have.Value())))
		}
	}
	if !wanted {
		return 0
	}
	if len(fractions) < 2 {
		return 100
	}
	return int64((1 - math.Abs(fractions[0]-fractions[1])/2) * 100)
}

func (s *site) images(pod *corev1.Pod, sites []*site) int64 {
	has := func(s *site, image string) (int64, bool) {
		for _, i := range s.node.Status.Images {
			if slices.Contains(i.Names, image) {
				return i.SizeBytes, true
			}
		}
		return 0, false
	}
	var sum int64
	containers := slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers)
	for _, c := range containers {
		image := c.Image
		if !strings.Contains(image, ":") {
			image += ":latest"
		}
		size, here := has(s, image)
		if !here {
			continue
		}
		nodes := 0
		for _, other := range sites {
			if _, ok := has(other, image); ok {
				nodes++
			}
		}
		sum += int64(float64(size) * (float64(nodes) / float64(len(sites))))
	}
	const mib = 1 << 20
	low, high := int64(23*mib), int64(1000*mib)*int64(len(containers))
	return 100 * (min(max(sum, low), high) - low) / (high - low)
}
