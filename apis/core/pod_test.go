// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestPodColumns(t *testing.T) {
	always := ptr.To(corev1.ContainerRestartPolicyAlways)
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	waiting := func(reason string) corev1.ContainerState {
		return corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}}
	}
	ended := func(reason string, code, signal int32) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{Reason: reason, ExitCode: code, Signal: signal}}
	}
	endedAgo := func(ago time.Duration) corev1.ContainerState {
		return corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{FinishedAt: metav1.NewTime(now.Add(-ago))}}
	}
	two := corev1.PodSpec{Containers: []corev1.Container{{Name: "a"}, {Name: "b"}}}
	inits := corev1.PodSpec{InitContainers: []corev1.Container{{Name: "i"}, {Name: "j"}}, Containers: two.Containers}
	sidecar := corev1.PodSpec{InitContainers: []corev1.Container{{Name: "s", RestartPolicy: always}}, Containers: two.Containers[:1]}
	for _, tc := range []struct {
		name                    string
		pod                     corev1.Pod
		ready, status, restarts string
	}{
		{"new", corev1.Pod{Spec: two, Status: corev1.PodStatus{Phase: corev1.PodPending}}, "0/2", "Pending", "0"},
		{"gated", corev1.Pod{Spec: two, Status: corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "SchedulingGated"}}}}, "0/2", "SchedulingGated", "0"},
		{"evicted", corev1.Pod{Spec: two, Status: corev1.PodStatus{Phase: corev1.PodFailed, Reason: "Evicted"}}, "0/2", "Evicted", "0"},
		{"being made", corev1.Pod{Spec: two, Status: corev1.PodStatus{Phase: corev1.PodPending, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "a", State: waiting("ContainerCreating")}, {Name: "b", State: waiting("ContainerCreating")}}}}, "0/2", "ContainerCreating", "0"},
		{"running", corev1.Pod{Spec: two, Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "a", Ready: true, State: running}, {Name: "b", Ready: true, State: running}}}}, "2/2", "Running", "0"},
		{"crashing", corev1.Pod{Spec: two, Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "a", State: waiting("CrashLoopBackOff"), RestartCount: 3, LastTerminationState: endedAgo(5 * time.Minute)},
			{Name: "b", Ready: true, State: running, RestartCount: 1, LastTerminationState: endedAgo(time.Hour)}}}}, "1/2", "CrashLoopBackOff", "4 (5m ago)"},
		{"done", corev1.Pod{Spec: two, Status: corev1.PodStatus{Phase: corev1.PodSucceeded, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "a", State: ended("Completed", 0, 0)}, {Name: "b", State: ended("Completed", 0, 0)}}}}, "0/2", "Completed", "0"},
		{"half done", corev1.Pod{Spec: two, Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "a", State: ended("Completed", 0, 0)}, {Name: "b", Ready: true, State: running}}}}, "1/2", "NotReady", "0"},
		{"half done and ready", corev1.Pod{Spec: two, Status: corev1.PodStatus{Phase: corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
			ContainerStatuses: []corev1.ContainerStatus{
				{Name: "a", State: ended("Completed", 0, 0)}, {Name: "b", Ready: true, State: running}}}}, "1/2", "Running", "0"},
		{"killed", corev1.Pod{Spec: two, Status: corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "a", State: ended("", 137, 9)}, {Name: "b", State: ended("", 1, 0)}}}}, "0/2", "Signal:9", "0"},
		{"second init container", corev1.Pod{Spec: inits, Status: corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{
			{Name: "i", State: ended("Completed", 0, 0)}, {Name: "j", State: running}}}}, "0/2", "Init:1/2", "0"},
		{"init container failed", corev1.Pod{Spec: inits, Status: corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{
			{Name: "i", State: ended("Error", 1, 0), RestartCount: 2}}}}, "0/2", "Init:Error", "2"},
		{"init container crashing", corev1.Pod{Spec: inits, Status: corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{
			{Name: "i", State: waiting("CrashLoopBackOff")}}}}, "0/2", "Init:CrashLoopBackOff", "0"},
		{"init container waits", corev1.Pod{Spec: inits, Status: corev1.PodStatus{Phase: corev1.PodPending, InitContainerStatuses: []corev1.ContainerStatus{
			{Name: "i", State: waiting("PodInitializing")}}}}, "0/2", "Init:0/2", "0"},
		{"restarts of init containers are forgotten", corev1.Pod{Spec: inits, Status: corev1.PodStatus{Phase: corev1.PodRunning,
			InitContainerStatuses: []corev1.ContainerStatus{
				{Name: "i", State: ended("Completed", 0, 0), RestartCount: 7}, {Name: "j", State: ended("Completed", 0, 0)}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "a", Ready: true, State: running}, {Name: "b", Ready: true, State: running}}}}, "2/2", "Running", "0"},
		{"sidecar counts", corev1.Pod{Spec: sidecar, Status: corev1.PodStatus{Phase: corev1.PodRunning,
			InitContainerStatuses: []corev1.ContainerStatus{{Name: "s", Ready: true, Started: ptr.To(true), State: running, RestartCount: 1}},
			ContainerStatuses:     []corev1.ContainerStatus{{Name: "a", Ready: true, State: running}}}}, "2/2", "Running", "1"},
		{"sidecar starts", corev1.Pod{Spec: sidecar, Status: corev1.PodStatus{Phase: corev1.PodPending,
			InitContainerStatuses: []corev1.ContainerStatus{{Name: "s", Started: ptr.To(false), State: running}}}}, "0/2", "Init:0/1", "0"},
		{"terminating", corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: now}}, Spec: two,
			Status: corev1.PodStatus{Phase: corev1.PodRunning}}, "0/2", "Terminating", "0"},
		{"terminating but done", corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: now}}, Spec: two,
			Status: corev1.PodStatus{Phase: corev1.PodSucceeded}}, "0/2", "Succeeded", "0"},
		{"node lost", corev1.Pod{ObjectMeta: metav1.ObjectMeta{DeletionTimestamp: &metav1.Time{Time: now}}, Spec: two,
			Status: corev1.PodStatus{Phase: corev1.PodRunning, Reason: "NodeLost"}}, "0/2", "Unknown", "0"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			compareCells(t, Pods, &tc.pod, map[string]any{"Ready": tc.ready, "Status": tc.status, "Restarts": tc.restarts})
		})
	}
}

func TestPodWideColumns(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{CreationTimestamp: metav1.NewTime(now.Add(-90 * time.Second))},
		Spec:       corev1.PodSpec{ReadinessGates: []corev1.PodReadinessGate{{ConditionType: "a"}, {ConditionType: "b"}}},
		Status:     corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: "b", Status: corev1.ConditionTrue}}},
	}
	compareCells(t, Pods, pod, map[string]any{
		"Age": "90s", "IP": "<none>", "Node": "<none>", "Nominated Node": "<none>", "Readiness Gates": "1/2"})
	pod.Status.PodIPs, pod.Spec.NodeName, pod.Spec.ReadinessGates = []corev1.PodIP{{IP: "10.244.0.2"}}, "n1", nil
	compareCells(t, Pods, pod, map[string]any{"IP": "10.244.0.2", "Node": "n1", "Readiness Gates": "<none>"})
}

func TestCreatePod(t *testing.T) {
	pod := &corev1.Pod{
		Spec:   corev1.PodSpec{ServiceAccountName: "builder", Containers: []corev1.Container{{}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1"},
	}
	createPod(context.Background(), pod)
	if diff := cmp.Diff(corev1.PodStatus{Phase: corev1.PodPending, QOSClass: corev1.PodQOSBestEffort}, pod.Status); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
	if pod.Spec.DeprecatedServiceAccount != "builder" {
		t.Errorf("serviceAccount = %q", pod.Spec.DeprecatedServiceAccount)
	}
}

func TestGracePod(t *testing.T) {
	running := corev1.Pod{
		Spec:   corev1.PodSpec{NodeName: "n", TerminationGracePeriodSeconds: ptr.To[int64](30)},
		Status: corev1.PodStatus{Phase: corev1.PodRunning},
	}
	with := func(change func(*corev1.Pod)) corev1.Pod {
		pod := *running.DeepCopy()
		change(&pod)
		return pod
	}
	for _, tc := range []struct {
		name  string
		pod   corev1.Pod
		asked *int64
		want  int64
	}{
		{"what the pod says", running, nil, 30},
		{"what the request says", running, ptr.To[int64](5), 5},
		{"at once", running, ptr.To[int64](0), 0},
		{"not on a node yet", with(func(p *corev1.Pod) { p.Spec.NodeName = "" }), nil, 0},
		{"done", with(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }), ptr.To[int64](5), 0},
		{"failed", with(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }), nil, 0},
		{"negative", with(func(p *corev1.Pod) { p.Spec.TerminationGracePeriodSeconds = ptr.To[int64](-3) }), nil, 1},
	} {
		options := &metav1.DeleteOptions{GracePeriodSeconds: tc.asked}
		if graceful := gracePod(&tc.pod, options); !graceful || *options.GracePeriodSeconds != tc.want {
			t.Errorf("%s: %v, %d seconds, want %d", tc.name, graceful, *options.GracePeriodSeconds, tc.want)
		}
	}
}

func TestBinding(t *testing.T) {
	compare(t, ValidateBinding(&corev1.Binding{Target: corev1.ObjectReference{Kind: "Node", Name: "n"}}), nil)
	compare(t, ValidateBinding(&corev1.Binding{Target: corev1.ObjectReference{Kind: "Pod"}}), []string{
		`target.kind: Unsupported value: "Pod": supported values: "Node", "<empty>"`,
		"target.name: Required value"})
}
