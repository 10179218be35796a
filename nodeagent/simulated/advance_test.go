// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func pod(change ...func(*corev1.Pod)) *corev1.Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web", UID: "uid", Annotations: map[string]string{}}}
	p.Spec = corev1.PodSpec{NodeName: "node", RestartPolicy: corev1.RestartPolicyAlways, Containers: []corev1.Container{{Name: "main", Image: "web:v1"}}}
	p.Status.Phase = corev1.PodPending
	for _, f := range change {
		f(p)
	}
	return p
}

func annotated(key, value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Annotations[key] = value }
}

func policy(policy corev1.RestartPolicy) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.RestartPolicy = policy }
}

func deleted(after, grace int64) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		at := metav1.NewTime(epoch.Add(time.Duration(after+grace) * time.Second))
		p.DeletionTimestamp, p.DeletionGracePeriodSeconds = &at, &grace
	}
}

// describe says in a line what a pod looks like.
func describe(status corev1.PodStatus) string {
	words := []string{string(status.Phase)}
	for _, c := range status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			words = append(words, "ready")
		}
	}
	if status.Reason != "" {
		words = append(words, status.Reason)
	}
	if status.PodIP != "" {
		words = append(words, status.PodIP)
	}
	for _, list := range [][]corev1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for _, c := range list {
			state := "?"
			switch {
			case c.State.Waiting != nil:
				state = c.State.Waiting.Reason
			case c.State.Running != nil:
				state = "running"
			case c.State.Terminated != nil:
				state = fmt.Sprintf("%s(%d)", c.State.Terminated.Reason, c.State.Terminated.ExitCode)
			}
			if c.RestartCount > 0 {
				state += fmt.Sprintf("*%d", c.RestartCount)
			}
			words = append(words, c.Name+"="+state)
		}
	}
	return strings.Join(words, " ")
}

// moment is what happens to a pod at a time, and what it then looks like.
type moment struct {
	second  int64
	change  func(*corev1.Pod)
	restart bool // of the program: what it knew is lost
	want    string
	next    time.Duration
	remove  bool
}

func TestAdvance(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	for name, test := range map[string]struct {
		pod     *corev1.Pod
		delay   time.Duration
		moments []moment
	}{
		"a pod runs at once, and for ever": {pod: pod(), moments: []moment{
			{want: "Running ready 10.0.0.7 main=running"},
			{second: 1000, want: "Running ready 10.0.0.7 main=running"},
		}},
		"a start takes the time that it was given": {pod: pod(), delay: 3 * time.Second, moments: []moment{
			{want: "Pending main=ContainerCreating", next: 3 * time.Second},
			{second: 1, want: "Pending main=ContainerCreating", next: 2 * time.Second},
			{second: 3, want: "Running ready 10.0.0.7 main=running"},
		}},
		"a pod on the host's network has its node's address": {pod: pod(func(p *corev1.Pod) { p.Spec.HostNetwork = true }), moments: []moment{
			{want: "Running ready 127.0.0.1 main=running"},
		}},
		"init containers are over at once, sidecars stay": {
			pod: pod(func(p *corev1.Pod) {
				p.Spec.InitContainers = []corev1.Container{{Name: "prepare"}, {Name: "beside", RestartPolicy: &always}}
			}),
			moments: []moment{{want: "Running ready 10.0.0.7 prepare=Completed(0) beside=running main=running"}},
		},
		"a readiness gate keeps it from being ready": {
			pod: pod(func(p *corev1.Pod) { p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "gate"}} }),
			moments: []moment{
				{want: "Running 10.0.0.7 main=running"},
				{second: 1, change: func(p *corev1.Pod) {
					p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: "gate", Status: corev1.ConditionTrue})
				}, want: "Running ready 10.0.0.7 main=running"},
			},
		},
		"a task succeeds after its time": {pod: pod(policy(corev1.RestartPolicyNever), annotated(DurationAnnotation, "5s")), moments: []moment{
			{want: "Running ready 10.0.0.7 main=running", next: 5 * time.Second},
			{second: 5, want: "Succeeded 10.0.0.7 main=Completed(0)"},
		}},
		"or fails": {pod: pod(policy(corev1.RestartPolicyNever), annotated(DurationAnnotation, "5s"), annotated(ExitCodeAnnotation, "3")), moments: []moment{
			{want: "Running ready 10.0.0.7 main=running", next: 5 * time.Second},
			{second: 6, want: "Failed 10.0.0.7 main=Error(3)"},
		}},
		"or is over at once": {pod: pod(policy(corev1.RestartPolicyOnFailure), annotated(DurationAnnotation, "0s")), moments: []moment{
			{want: "Succeeded 10.0.0.7 main=Completed(0)"},
		}},
		"one that fails is run again, with back-off": {
			pod: pod(policy(corev1.RestartPolicyOnFailure), annotated(DurationAnnotation, "2s"), annotated(ExitCodeAnnotation, "1")),
			moments: []moment{
				{want: "Running ready 10.0.0.7 main=running", next: 2 * time.Second},
				{second: 2, want: "Running ready 10.0.0.7 main=running*1", next: 2 * time.Second},
				{second: 4, want: "Running 10.0.0.7 main=CrashLoopBackOff*1", next: 10 * time.Second},
				{second: 14, want: "Running ready 10.0.0.7 main=running*2", next: 2 * time.Second},
				{second: 16, want: "Running 10.0.0.7 main=CrashLoopBackOff*2", next: 20 * time.Second},
			},
		},
		"the deadline of a pod ends it": {
			pod: pod(func(p *corev1.Pod) { seconds := int64(9); p.Spec.ActiveDeadlineSeconds = &seconds }),
			moments: []moment{
				{want: "Running ready 10.0.0.7 main=running", next: 9 * time.Second},
				{second: 9, want: "Failed DeadlineExceeded 10.0.0.7 main=Completed(0)"},
			},
		},
		"a new image restarts its container": {pod: pod(), moments: []moment{
			{want: "Running ready 10.0.0.7 main=running"},
			{second: 1, change: func(p *corev1.Pod) { p.Spec.Containers[0].Image = "web:v2" }, want: "Running ready 10.0.0.7 main=running*1"},
		}},
		"a deleted pod ends and is removed": {pod: pod(), moments: []moment{
			{want: "Running ready 10.0.0.7 main=running"},
			{second: 5, change: deleted(5, 30), want: "Succeeded 10.0.0.7 main=Completed(0)", remove: true},
		}},
		"as slowly as it was told": {pod: pod(annotated(StopAnnotation, "4s")), moments: []moment{
			{want: "Running ready 10.0.0.7 main=running"},
			{second: 5, change: deleted(5, 30), want: "Running ready 10.0.0.7 main=running", next: 4 * time.Second},
			{second: 9, want: "Succeeded 10.0.0.7 main=Completed(0)", remove: true},
		}},
		"but not slower than its grace period": {pod: pod(annotated(StopAnnotation, "1m")), moments: []moment{
			{want: "Running ready 10.0.0.7 main=running"},
			{second: 5, change: deleted(5, 30), want: "Running ready 10.0.0.7 main=running", next: 30 * time.Second},
			{second: 35, want: "Failed 10.0.0.7 main=Error(137)", remove: true},
		}},
		"a shorter grace period counts from the first": {pod: pod(annotated(StopAnnotation, "1m")), moments: []moment{
			{second: 0, want: "Running ready 10.0.0.7 main=running"},
			{second: 5, change: deleted(5, 30), want: "Running ready 10.0.0.7 main=running", next: 30 * time.Second},
			{second: 7, change: deleted(5, 3), want: "Running ready 10.0.0.7 main=running", next: time.Second},
			{second: 8, want: "Failed 10.0.0.7 main=Error(137)", remove: true},
		}},
		"one that was deleted before it ran never runs": {pod: pod(deleted(0, 30)), moments: []moment{
			{want: "Failed main=ContainerCreating", remove: true},
		}},
		"a restart of the program changes nothing": {
			pod: pod(policy(corev1.RestartPolicyOnFailure), annotated(DurationAnnotation, "20s"), annotated(ExitCodeAnnotation, "1")),
			moments: []moment{
				{want: "Running ready 10.0.0.7 main=running", next: 20 * time.Second},
				{second: 8, restart: true, want: "Running ready 10.0.0.7 main=running", next: 12 * time.Second},
				{second: 20, want: "Running ready 10.0.0.7 main=running*1", next: 20 * time.Second},
				{second: 41, want: "Running 10.0.0.7 main=CrashLoopBackOff*1", next: 9 * time.Second},
				{second: 42, restart: true, want: "Running 10.0.0.7 main=CrashLoopBackOff*1", next: 8 * time.Second},
				{second: 50, want: "Running ready 10.0.0.7 main=running*2", next: 20 * time.Second},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := test.pod
			simulation := recovered(p, epoch)
			for i, m := range test.moments {
				now := epoch.Add(time.Duration(m.second) * time.Second)
				if m.change != nil {
					m.change(p)
				}
				if m.restart {
					simulation = recovered(p, now)
				}
				got := advance(p, &simulation, surroundings{
					now: now, startDelay: test.delay, hostIPs: []string{"127.0.0.1"}, address: func() []string { return []string{"10.0.0.7"} },
				})
				want := fmt.Sprintf("%s | next %v, remove %v", m.want, m.next, m.remove)
				if diff := cmp.Diff(want, fmt.Sprintf("%s | next %v, remove %v", describe(got.status), got.next, got.remove)); diff != "" {
					t.Fatalf("moment %d, second %d (-want +got):\n%s", i, m.second, diff)
				}
				p = p.DeepCopy()
				p.Status = got.status
			}
		})
	}
}
