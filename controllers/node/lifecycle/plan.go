// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Reasons and messages of conditions, as Kubernetes words them.
const (
	reasonSilent  = "NodeStatusUnknown"
	messageSilent = "Kubelet stopped posting node status."
	reasonNever   = "NodeStatusNeverUpdated"
	messageNever  = "Kubelet never posted node status."
)

// watched are the conditions that a node must keep posting.
var watched = []corev1.NodeConditionType{corev1.NodeReady, corev1.NodeMemoryPressure, corev1.NodeDiskPressure, corev1.NodePIDPressure}

// silence sets the watched conditions of a node that was not heard of to Unknown. It returns nil when nothing is left
// to change.
func silence(node *corev1.Node, now time.Time) []corev1.NodeCondition {
	conditions := slices.Clone(node.Status.Conditions)
	changed := false
	for _, kind := range watched {
		at := slices.IndexFunc(conditions, func(c corev1.NodeCondition) bool { return c.Type == kind })
		switch {
		case at < 0:
			conditions = append(conditions, corev1.NodeCondition{
				Type: kind, Status: corev1.ConditionUnknown, Reason: reasonNever, Message: messageNever,
				LastHeartbeatTime: node.CreationTimestamp, LastTransitionTime: metav1.NewTime(now),
			})
			changed = true
		case conditions[at].Status != corev1.ConditionUnknown:
			c := &conditions[at]
			c.Status, c.Reason, c.Message, c.LastTransitionTime = corev1.ConditionUnknown, reasonSilent, messageSilent, metav1.NewTime(now)
			changed = true
		}
	}
	if !changed {
		return nil
	}
	return conditions
}

// fromConditions are the taints that a condition calls for with a certain status.
var fromConditions = map[corev1.NodeConditionType]map[corev1.ConditionStatus]string{
	corev1.NodeReady:              {corev1.ConditionFalse: corev1.TaintNodeNotReady, corev1.ConditionUnknown: corev1.TaintNodeUnreachable},
	corev1.NodeMemoryPressure:     {corev1.ConditionTrue: corev1.TaintNodeMemoryPressure},
	corev1.NodeDiskPressure:       {corev1.ConditionTrue: corev1.TaintNodeDiskPressure},
	corev1.NodePIDPressure:        {corev1.ConditionTrue: corev1.TaintNodePIDPressure},
	corev1.NodeNetworkUnavailable: {corev1.ConditionTrue: corev1.TaintNodeNetworkUnavailable},
}

// ours are the NoSchedule taints that this package puts on and takes off.
var ours = []string{
	corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable, corev1.TaintNodeMemoryPressure, corev1.TaintNodeDiskPressure,
	corev1.TaintNodePIDPressure, corev1.TaintNodeNetworkUnavailable, corev1.TaintNodeUnschedulable,
}

// wantedNoSchedule returns the keys of the NoSchedule taints that the node should have of ours.
func wantedNoSchedule(node *corev1.Node) []string {
	var keys []string
	for _, c := range node.Status.Conditions {
		if key := fromConditions[c.Type][c.Status]; key != "" {
			keys = append(keys, key)
		}
	}
	if node.Spec.Unschedulable {
		keys = append(keys, corev1.TaintNodeUnschedulable)
	}
	return keys
}

// wantedNoExecute returns the key of the NoExecute taint that the node should have of ours; empty means none.
func wantedNoExecute(node *corev1.Node) string {
	ready := condition(node, corev1.NodeReady)
	if ready == nil {
		return ""
	}
	return fromConditions[corev1.NodeReady][ready.Status]
}

// evicting reports whether the node already carries a NoExecute taint of ours.
func evicting(node *corev1.Node) bool {
	return slices.ContainsFunc(node.Spec.Taints, ourNoExecute)
}

func ourNoExecute(t corev1.Taint) bool {
	return t.Effect == corev1.TaintEffectNoExecute && (t.Key == corev1.TaintNodeNotReady || t.Key == corev1.TaintNodeUnreachable)
}

// taints returns the taints that the node should have: those of others as they are, and ours as its conditions ask.
// noExecute is the key of the NoExecute taint to have, or empty. Taints that stay keep the time they were added.
func taints(node *corev1.Node, noExecute string, now time.Time) []corev1.Taint {
	noSchedule := wantedNoSchedule(node)
	var result []corev1.Taint
	have := map[string]bool{}
	for _, t := range node.Spec.Taints {
		switch {
		case t.Effect == corev1.TaintEffectNoSchedule && slices.Contains(ours, t.Key):
			if !slices.Contains(noSchedule, t.Key) || have[t.Key] {
				continue
			}
			have[t.Key] = true
		case ourNoExecute(t):
			if t.Key != noExecute {
				continue
			}
			noExecute = ""
		}
		result = append(result, t)
	}
	added := metav1.NewTime(now)
	for _, key := range noSchedule {
		if !have[key] {
			have[key] = true
			result = append(result, corev1.Taint{Key: key, Effect: corev1.TaintEffectNoSchedule, TimeAdded: &added})
		}
	}
	if noExecute != "" {
		result = append(result, corev1.Taint{Key: noExecute, Effect: corev1.TaintEffectNoExecute, TimeAdded: &added})
	}
	return result
}
