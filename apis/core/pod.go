// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/internal/pods"
	"coxswain.dev/coxswain/apis/kind"
)

// Pods are groups of containers that run together on one node.
var Pods = kind.Of[*corev1.Pod, *corev1.PodList]{
	GroupVersion:     corev1.SchemeGroupVersion,
	Names:            kind.Names{Plural: "pods", Short: []string{"po"}, Categories: []string{"all"}},
	Default:          pods.DefaultPod,
	Validate:         validatePod,
	ValidateStatus:   pods.ValidateStatusUpdate,
	Warnings:         pods.Warnings,
	Owns:             kind.Generation | kind.StatusApart,
	OnCreate:         createPod,
	OnUpdate:         func(_ context.Context, pod, old *corev1.Pod) { pods.PrepareUpdate(pod, old) },
	OnStatusUpdate:   func(_ context.Context, pod, old *corev1.Pod) { pods.PrepareStatusUpdate(pod, old) },
	GracefulDeletion: gracePod,
	ReturnDeleted:    true,
	Columns:          podColumns,
	RowConditions:    podRowConditions,
	Fields: map[string]func(*corev1.Pod) string{
		"spec.nodeName":            func(p *corev1.Pod) string { return p.Spec.NodeName },
		"spec.restartPolicy":       func(p *corev1.Pod) string { return string(p.Spec.RestartPolicy) },
		"spec.schedulerName":       func(p *corev1.Pod) string { return p.Spec.SchedulerName },
		"spec.serviceAccountName":  func(p *corev1.Pod) string { return p.Spec.ServiceAccountName },
		"spec.hostNetwork":         func(p *corev1.Pod) string { return strconv.FormatBool(p.Spec.HostNetwork) },
		"status.phase":             func(p *corev1.Pod) string { return string(p.Status.Phase) },
		"status.podIP":             func(p *corev1.Pod) string { return firstPodIP(p) },
		"status.podIPs":            func(p *corev1.Pod) string { return firstPodIP(p) },
		"status.nominatedNodeName": func(p *corev1.Pod) string { return p.Status.NominatedNodeName },
	},
	Indexed: []string{"spec.nodeName"},
}

func createPod(_ context.Context, pod *corev1.Pod) {
	pods.SyncServiceAccount(&pod.Spec) // admission may have set one of the two names
	pod.Status = corev1.PodStatus{
		Phase:    corev1.PodPending,
		QOSClass: pods.QOSClass(&pod.Spec),
	}
	pods.GateScheduling(pod)
	pods.MatchLabelKeys(pod)
}

func validatePod(pod, old *corev1.Pod) field.ErrorList {
	if old == nil {
		return pods.ValidateNewPod(pod)
	}
	return pods.ValidatePodUpdate(pod, old)
}

// gracePod gives a pod the time to stop that it asks for, and none when nothing of it can be running.
func gracePod(pod *corev1.Pod, options *metav1.DeleteOptions) bool {
	if options == nil {
		return false
	}
	var period int64
	switch {
	case options.GracePeriodSeconds != nil:
		period = *options.GracePeriodSeconds
	case pod.Spec.TerminationGracePeriodSeconds != nil:
		period = *pod.Spec.TerminationGracePeriodSeconds
	}
	if pod.Spec.NodeName == "" || pod.Status.Phase == corev1.PodFailed || pod.Status.Phase == corev1.PodSucceeded {
		period = 0
	}
	if period < 0 {
		period = 1
	}
	options.GracePeriodSeconds = &period
	return true
}

func firstPodIP(pod *corev1.Pod) string {
	if len(pod.Status.PodIPs) > 0 {
		return pod.Status.PodIPs[0].IP
	}
	return pod.Status.PodIP
}

var podColumns = []kind.Column[*corev1.Pod]{
	{Name: "Ready", Description: "Ready containers of all that should be.", Value: func(p *corev1.Pod, now time.Time) any {
		return summarize(p, now).ready
	}},
	{Name: "Status", Description: "What the pod is doing.", Value: func(p *corev1.Pod, now time.Time) any {
		return summarize(p, now).status
	}},
	{Name: "Restarts", Description: "Restarts of containers, and how long ago the last one was.", Value: func(p *corev1.Pod, now time.Time) any {
		return summarize(p, now).restarts
	}},
	kind.Age[*corev1.Pod](),
	{Name: "IP", Priority: 1, Value: func(p *corev1.Pod, _ time.Time) any { return orNone(firstPodIP(p)) }},
	{Name: "Node", Priority: 1, Value: func(p *corev1.Pod, _ time.Time) any { return orNone(p.Spec.NodeName) }},
	{Name: "Nominated Node", Priority: 1, Value: func(p *corev1.Pod, _ time.Time) any { return orNone(p.Status.NominatedNodeName) }},
	{Name: "Readiness Gates", Priority: 1, Value: func(p *corev1.Pod, _ time.Time) any { return readinessGates(p) }},
}
