// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// Nodes are the machines that run pods.
var Nodes = kind.Of[*corev1.Node, *corev1.NodeList]{
	GroupVersion:    corev1.SchemeGroupVersion,
	Names:           kind.Names{Plural: "nodes", Short: []string{"no"}},
	Scope:           kind.Cluster,
	StorageResource: "minions",
	Owns:            kind.StatusApart | kind.StatusOnCreate,
	Default:         defaultNode,
	Validate:        validateNode,
	ValidateStatus:  validateNodeStatus,
	Columns:         nodeColumns,
	Fields: map[string]func(*corev1.Node) string{
		"spec.unschedulable": func(n *corev1.Node) string { return strconv.FormatBool(n.Spec.Unschedulable) },
	},
}

// defaultNode makes all of a node's capacity allocatable when it does not say otherwise, and keeps the single pod CIDR
// and the list of them alike.
func defaultNode(n *corev1.Node) {
	if n.Status.Allocatable == nil && n.Status.Capacity != nil {
		n.Status.Allocatable = make(corev1.ResourceList, len(n.Status.Capacity))
		for name, quantity := range n.Status.Capacity {
			n.Status.Allocatable[name] = quantity.DeepCopy()
		}
	}
	switch {
	case len(n.Spec.PodCIDRs) == 0 && n.Spec.PodCIDR != "":
		n.Spec.PodCIDRs = []string{n.Spec.PodCIDR}
	case n.Spec.PodCIDR == "" && len(n.Spec.PodCIDRs) > 0:
		n.Spec.PodCIDR = n.Spec.PodCIDRs[0]
	}
}

var nodeColumns = []kind.Column[*corev1.Node]{
	{Name: "Status", Description: "The status of the node", Value: func(n *corev1.Node, _ time.Time) any { return nodeStatus(n) }},
	{Name: "Roles", Description: "The roles of the node", Value: func(n *corev1.Node, _ time.Time) any { return nodeRoles(n) }},
	kind.Age[*corev1.Node](),
	{Name: "Version", Description: "Version of the node agent.", Value: func(n *corev1.Node, _ time.Time) any {
		return n.Status.NodeInfo.KubeletVersion
	}},
	{Name: "Internal-IP", Priority: 1, Value: func(n *corev1.Node, _ time.Time) any { return nodeAddress(n, corev1.NodeInternalIP) }},
	{Name: "External-IP", Priority: 1, Value: func(n *corev1.Node, _ time.Time) any { return nodeAddress(n, corev1.NodeExternalIP) }},
	{Name: "OS-Image", Priority: 1, Value: func(n *corev1.Node, _ time.Time) any { return orUnknown(n.Status.NodeInfo.OSImage) }},
	{Name: "Kernel-Version", Priority: 1, Value: func(n *corev1.Node, _ time.Time) any {
		return orUnknown(n.Status.NodeInfo.KernelVersion)
	}},
	{Name: "Container-Runtime", Priority: 1, Value: func(n *corev1.Node, _ time.Time) any {
		return orUnknown(n.Status.NodeInfo.ContainerRuntimeVersion)
	}},
}

func nodeStatus(n *corev1.Node) string {
	status := "Unknown"
	for _, condition := range n.Status.Conditions {
		if condition.Type != corev1.NodeReady {
			continue
		}
		status = "NotReady"
		if condition.Status == corev1.ConditionTrue {
			status = "Ready"
		}
	}
	if n.Spec.Unschedulable {
		status += ",SchedulingDisabled"
	}
	return status
}

const (
	labelNodeRolePrefix = "node-role.kubernetes.io/"
	labelNodeRole       = "kubernetes.io/role"
)

func nodeRoles(n *corev1.Node) string {
	var roles []string
	for label, value := range n.Labels {
		role, ok := strings.CutPrefix(label, labelNodeRolePrefix)
		if label == labelNodeRole {
			role, ok = value, true
		}
		if ok && role != "" {
			roles = append(roles, role)
		}
	}
	slices.Sort(roles)
	return orNone(strings.Join(slices.Compact(roles), ","))
}

func nodeAddress(n *corev1.Node, wanted corev1.NodeAddressType) string {
	for _, address := range n.Status.Addresses {
		if address.Type == wanted {
			return address.Address
		}
	}
	return "<none>"
}

func orUnknown(s string) string {
	if s == "" {
		return "<unknown>"
	}
	return s
}

func orNone(s string) string {
	if s == "" {
		return "<none>"
	}
	return s
}
