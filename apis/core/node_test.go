// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestValidateNode(t *testing.T) {
	taints := func(taints ...corev1.Taint) *corev1.Node { return &corev1.Node{Spec: corev1.NodeSpec{Taints: taints}} }
	cidrs := func(cidrs ...string) *corev1.Node {
		n := &corev1.Node{Spec: corev1.NodeSpec{PodCIDRs: cidrs}}
		defaultNode(n)
		return n
	}
	for _, tc := range []struct {
		name      string
		node, old *corev1.Node
		want      []string
	}{
		{"valid", taints(corev1.Taint{Key: "a", Effect: corev1.TaintEffectNoSchedule}, corev1.Taint{Key: "a", Effect: corev1.TaintEffectNoExecute}), nil, nil},
		{"taint twice", taints(corev1.Taint{Key: "a", Effect: corev1.TaintEffectNoSchedule}, corev1.Taint{Key: "a", Value: "b", Effect: corev1.TaintEffectNoSchedule}), nil, []string{
			"spec.taints[1]: Duplicate value: …"}},
		{"taint without an effect", taints(corev1.Taint{Key: "a"}), nil, []string{"spec.taints[0].effect: Required value"}},
		{"taint of another effect", taints(corev1.Taint{Key: "a b", Effect: "x"}), nil, []string{
			`spec.taints[0].key: Invalid value: "a b": name part must consist of …`,
			`spec.taints[0].effect: Unsupported value: "x": supported values: "NoExecute", "NoSchedule", "PreferNoSchedule"`}},
		{"pod addresses", cidrs("10.244.1.0/24"), nil, nil},
		{"no pod addresses", cidrs("10.244.1.0"), nil, []string{
			`spec.podCIDRs[0]: Invalid value: "10.244.1.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`}},
		{"two of a family", cidrs("10.244.1.0/24", "10.244.2.0/24"), nil, []string{
			`spec.podCIDRs: Invalid value: ["10.244.1.0/24","10.244.2.0/24"]: may specify no more than one CIDR for each IP family`}},
		{"given later", cidrs("10.244.1.0/24"), &corev1.Node{}, nil},
		{"changed", cidrs("10.244.2.0/24"), cidrs("10.244.1.0/24"), []string{
			`spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid`}},
		{"another machine", &corev1.Node{Spec: corev1.NodeSpec{ProviderID: "b"}}, &corev1.Node{Spec: corev1.NodeSpec{ProviderID: "a"}}, []string{
			`spec.providerID: Forbidden: node updates may not change providerID except from "" to valid`}},
		{"negative capacity", &corev1.Node{Status: corev1.NodeStatus{Capacity: corev1.ResourceList{"cpu": resource.MustParse("-1")}}}, nil, []string{
			`status.capacity[cpu]: Invalid value: "-1": must be greater than or equal to 0`}},
	} {
		t.Run(tc.name, func(t *testing.T) { compare(t, validateNode(tc.node, tc.old), tc.want) })
	}
}

func TestNodeStatusAddresses(t *testing.T) {
	address := corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: "10.245.0.1"}
	n := &corev1.Node{Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{address, address}}}
	compare(t, validateNodeStatus(n, n), []string{"status.addresses[1]: Duplicate value: …"})
}

func TestNodeColumns(t *testing.T) {
	ready := func(status corev1.ConditionStatus) []corev1.NodeCondition {
		return []corev1.NodeCondition{{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionFalse}, {Type: corev1.NodeReady, Status: status}}
	}
	for _, tc := range []struct {
		name string
		node corev1.Node
		want map[string]any
	}{
		{"new", corev1.Node{}, map[string]any{"Status": "Unknown", "Roles": "<none>", "Internal-IP": "<none>", "OS-Image": "<unknown>"}},
		{"ready", corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{
				"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": "", "kubernetes.io/role": "worker"}},
			Status: corev1.NodeStatus{Conditions: ready(corev1.ConditionTrue), Addresses: []corev1.NodeAddress{
				{Type: corev1.NodeHostName, Address: "n"}, {Type: corev1.NodeInternalIP, Address: "10.245.0.1"}},
				NodeInfo: corev1.NodeSystemInfo{KubeletVersion: "v1.37.2", KernelVersion: "6.18"}}},
			map[string]any{"Status": "Ready", "Roles": "control-plane,worker", "Version": "v1.37.2", "Internal-IP": "10.245.0.1",
				"External-IP": "<none>", "Kernel-Version": "6.18"}},
		{"cordoned", corev1.Node{Spec: corev1.NodeSpec{Unschedulable: true}, Status: corev1.NodeStatus{Conditions: ready(corev1.ConditionTrue)}},
			map[string]any{"Status": "Ready,SchedulingDisabled"}},
		{"silent", corev1.Node{Status: corev1.NodeStatus{Conditions: ready(corev1.ConditionUnknown)}}, map[string]any{"Status": "NotReady"}},
	} {
		t.Run(tc.name, func(t *testing.T) { compareCells(t, Nodes, &tc.node, tc.want) })
	}
}
