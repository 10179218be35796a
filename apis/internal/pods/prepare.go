// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GateScheduling says in the status of a new pod that its scheduling gates hold it back.
func GateScheduling(pod *corev1.Pod) {
	if len(pod.Spec.SchedulingGates) == 0 {
		return
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodScheduled {
			return
		}
	}
	pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
		Type:    corev1.PodScheduled,
		Status:  corev1.ConditionFalse,
		Reason:  corev1.PodReasonSchedulingGated,
		Message: "Scheduling is blocked due to non-empty scheduling gates",
	})
}

// MatchLabelKeys turns matchLabelKeys and mismatchLabelKeys of a new pod into requirements of the label selectors beside
// them, with the values of the pod's own labels.
func MatchLabelKeys(pod *corev1.Pod) {
	if affinity := pod.Spec.Affinity; affinity != nil {
		if affinity.PodAffinity != nil {
			matchTerms(pod, affinity.PodAffinity.RequiredDuringSchedulingIgnoredDuringExecution,
				affinity.PodAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
		}
		if affinity.PodAntiAffinity != nil {
			matchTerms(pod, affinity.PodAntiAffinity.RequiredDuringSchedulingIgnoredDuringExecution,
				affinity.PodAntiAffinity.PreferredDuringSchedulingIgnoredDuringExecution)
		}
	}
	for i := range pod.Spec.TopologySpreadConstraints {
		constraint := &pod.Spec.TopologySpreadConstraints[i]
		matchKeys(pod, constraint.LabelSelector, constraint.MatchLabelKeys, metav1.LabelSelectorOpIn)
	}
}

func matchTerms(pod *corev1.Pod, required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) {
	match := func(term *corev1.PodAffinityTerm) {
		matchKeys(pod, term.LabelSelector, term.MatchLabelKeys, metav1.LabelSelectorOpIn)
		matchKeys(pod, term.LabelSelector, term.MismatchLabelKeys, metav1.LabelSelectorOpNotIn)
	}
	for i := range required {
		match(&required[i])
	}
	for i := range preferred {
		match(&preferred[i].PodAffinityTerm)
	}
}

func matchKeys(pod *corev1.Pod, selector *metav1.LabelSelector, keys []string, operator metav1.LabelSelectorOperator) {
	if selector == nil {
		return
	}
	for _, key := range keys {
		if value, ok := pod.Labels[key]; ok {
			selector.MatchExpressions = append(selector.MatchExpressions,
				metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: []string{value}})
		}
	}
}

// PrepareUpdate adjusts an update of a pod before validation.
func PrepareUpdate(pod, _ *corev1.Pod) {
	SyncServiceAccount(&pod.Spec)
}

// PrepareStatusUpdate adjusts an update of a pod's status before validation.
func PrepareStatusUpdate(pod, old *corev1.Pod) {
	pod.OwnerReferences = old.OwnerReferences
	if pod.Status.QOSClass == "" {
		pod.Status.QOSClass = old.Status.QOSClass
	}
	// Claims are told by their own controllers. A writer that does not know of them and sends a whole status leaves them out;
	// an empty list, which is not nil, removes them.
	if pod.Status.ResourceClaimStatuses == nil {
		pod.Status.ResourceClaimStatuses = old.Status.ResourceClaimStatuses
	}
	if pod.Status.ExtendedResourceClaimStatus == nil {
		pod.Status.ExtendedResourceClaimStatus = old.Status.ExtendedResourceClaimStatus
	}
	if pod.Status.NodeAllocatableResourceClaimStatuses == nil {
		pod.Status.NodeAllocatableResourceClaimStatuses = old.Status.NodeAllocatableResourceClaimStatuses
	}
	// podIP is the first of podIPs; writers that know only podIP mean both.
	if ip := pod.Status.PodIP; ip != "" && (len(pod.Status.PodIPs) == 0 || pod.Status.PodIPs[0].IP != ip) {
		pod.Status.PodIPs = []corev1.PodIP{{IP: ip}}
	}
	if len(pod.Status.PodIPs) > 0 {
		pod.Status.PodIP = pod.Status.PodIPs[0].IP
	}
}
