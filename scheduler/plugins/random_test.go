// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package plugins_test

import (
	"fmt"
	"math/rand/v2"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

// dice makes random objects, few enough in kind that they meet.
type dice struct{ *rand.Rand }

func (d dice) one(of ...string) string { return of[d.IntN(len(of))] }
func (d dice) in(percent int) bool     { return d.IntN(100) < percent }

func (d dice) taint() corev1.Taint {
	return corev1.Taint{Key: d.one("dedicated", "gpu", "node.kubernetes.io/not-ready"), Value: d.one("", "a", "b"),
		Effect: corev1.TaintEffect(d.one("NoSchedule", "PreferNoSchedule", "PreferNoSchedule", "NoExecute"))}
}

var images = map[string]int64{"web:v1": 30 << 20, "db:latest": 700 << 20, "tool:v3": 10 << 20}

func (d dice) node(i int) *corev1.Node {
	name := fmt.Sprintf("node-%d", i)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{
		"kubernetes.io/hostname": name, "zone": d.one("a", "b", "c")}}}
	if d.in(50) {
		node.Labels["disk"] = d.one("ssd", "hdd")
	}
	if d.in(50) {
		node.Labels["rank"] = d.one("1", "5", "10", "many")
	}
	for d.in(25) {
		node.Spec.Taints = append(node.Spec.Taints, d.taint())
	}
	node.Spec.Unschedulable = d.in(8)
	node.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewMilliQuantity(int64(500+d.IntN(8)*500), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(int64(1+d.IntN(8))<<30, resource.BinarySI),
		corev1.ResourcePods:   *resource.NewQuantity(int64(2+d.IntN(12)), resource.DecimalSI),
	}
	if d.in(60) {
		node.Status.Allocatable[corev1.ResourceEphemeralStorage] = *resource.NewQuantity(int64(1+d.IntN(4))<<30, resource.BinarySI)
	}
	if d.in(30) {
		node.Status.Allocatable["example.com/gpu"] = *resource.NewQuantity(int64(1+d.IntN(4)), resource.DecimalSI)
	}
	for _, image := range []string{"web:v1", "db:latest", "tool:v3"} {
		if d.in(40) {
			node.Status.Images = append(node.Status.Images, corev1.ContainerImage{Names: []string{image}, SizeBytes: images[image]})
		}
	}
	return node
}

func (d dice) container() corev1.Container {
	c := corev1.Container{Name: "c", Image: d.one("web:v1", "db", "tool:v3", "other:v1")}
	requests := corev1.ResourceList{}
	if d.in(60) {
		requests[corev1.ResourceCPU] = *resource.NewMilliQuantity(int64(d.IntN(6)*150), resource.DecimalSI)
	}
	if d.in(60) {
		requests[corev1.ResourceMemory] = *resource.NewQuantity(int64(d.IntN(6))<<27, resource.BinarySI)
	}
	if d.in(15) {
		requests[corev1.ResourceEphemeralStorage] = *resource.NewQuantity(int64(d.IntN(4))<<29, resource.BinarySI)
	}
	if d.in(8) {
		requests["example.com/gpu"] = *resource.NewQuantity(int64(1+d.IntN(2)), resource.DecimalSI)
	}
	c.Resources.Requests = requests
	return c
}

func (d dice) expression() corev1.NodeSelectorRequirement {
	switch d.IntN(7) {
	case 0:
		return corev1.NodeSelectorRequirement{Key: "zone", Operator: "In", Values: []string{d.one("a", "b"), d.one("b", "c", "nowhere")}}
	case 1:
		return corev1.NodeSelectorRequirement{Key: "zone", Operator: "NotIn", Values: []string{d.one("a", "b", "c")}}
	case 2:
		return corev1.NodeSelectorRequirement{Key: "disk", Operator: "Exists"}
	case 3:
		return corev1.NodeSelectorRequirement{Key: "disk", Operator: "DoesNotExist"}
	case 4:
		return corev1.NodeSelectorRequirement{Key: "rank", Operator: "Gt", Values: []string{d.one("1", "4", "5")}}
	case 5:
		return corev1.NodeSelectorRequirement{Key: "rank", Operator: "Lt", Values: []string{d.one("5", "6", "10")}}
	}
	return corev1.NodeSelectorRequirement{Key: "disk", Operator: "NotIn", Values: []string{"ssd"}}
}

func (d dice) term() corev1.NodeSelectorTerm {
	t := corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{d.expression()}}
	for d.in(30) {
		t.MatchExpressions = append(t.MatchExpressions, d.expression())
	}
	if d.in(10) {
		t.MatchFields = []corev1.NodeSelectorRequirement{{Key: "metadata.name", Operator: "NotIn", Values: []string{"node-1"}}}
	}
	return t
}

func (d dice) pod(i int) *corev1.Pod {
	name := fmt.Sprintf("pod-%d", i)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID(name)}}
	pod.Spec.Containers = []corev1.Container{d.container()}
	for d.in(20) {
		pod.Spec.Containers = append(pod.Spec.Containers, d.container())
	}
	for d.in(20) {
		c := d.container()
		if d.in(40) {
			c.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
		}
		pod.Spec.InitContainers = append(pod.Spec.InitContainers, c)
	}
	if d.in(10) {
		pod.Spec.Overhead = corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("50m")}
	}
	if d.in(15) {
		pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{HostPort: int32(8000 + d.IntN(2)), Protocol: corev1.Protocol(d.one("TCP", "UDP")),
			HostIP: d.one("", "0.0.0.0", "10.0.0.1", "10.0.0.2")}}
	}
	for d.in(35) {
		pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
			Key: d.one("dedicated", "gpu", "node.kubernetes.io/unschedulable"), Operator: corev1.TolerationOperator(d.one("Exists", "Equal")),
			Value: d.one("", "a"), Effect: corev1.TaintEffect(d.one("", "NoSchedule", "PreferNoSchedule"))})
	}
	if d.in(20) {
		pod.Spec.NodeSelector = map[string]string{"zone": d.one("a", "b", "c")}
	}
	if d.in(40) {
		affinity := &corev1.NodeAffinity{}
		if d.in(50) {
			selector := &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{d.term()}}
			for d.in(30) {
				selector.NodeSelectorTerms = append(selector.NodeSelectorTerms, d.term())
			}
			affinity.RequiredDuringSchedulingIgnoredDuringExecution = selector
		}
		for d.in(60) {
			affinity.PreferredDuringSchedulingIgnoredDuringExecution = append(affinity.PreferredDuringSchedulingIgnoredDuringExecution,
				corev1.PreferredSchedulingTerm{Weight: int32(1 + d.IntN(100)), Preference: d.term()})
		}
		pod.Spec.Affinity = &corev1.Affinity{NodeAffinity: affinity}
	}
	if d.in(3) {
		pod.Spec.NodeName = "node-2"
	}
	return pod
}
