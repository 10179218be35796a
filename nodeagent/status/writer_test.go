// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
)

func TestPatchHoldsOnlyWhatChangedAndThePodsIdentity(t *testing.T) {
	from := &corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: "theirs", Status: corev1.ConditionTrue}, {Type: corev1.PodReady, Status: corev1.ConditionFalse}}}
	to := from.DeepCopy()
	to.Phase = corev1.PodRunning
	to.Conditions[1].Status = corev1.ConditionTrue
	patch, err := Patch("u", from, to)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"metadata":{"uid":"u"},"status":{"$setElementOrder/conditions":[{"type":"theirs"},{"type":"Ready"}],"conditions":[{"status":"True","type":"Ready"}],"phase":"Running"}}`
	if string(patch) != want {
		t.Errorf("patch is\n%s, want\n%s", patch, want)
	}
}

func TestWriter(t *testing.T) {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"}, Status: corev1.PodStatus{Phase: corev1.PodPending}}
	client := fake.NewClientset(pod)
	patches, failures := make(chan string, 10), 1
	client.PrependReactor("patch", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		if failures--; failures >= 0 {
			return true, nil, context.DeadlineExceeded
		}
		patches <- string(action.(clienttesting.PatchAction).GetPatch())
		return false, nil, nil
	})
	w := New(client)
	// Before it starts only the newest is kept.
	w.Set(pod, corev1.PodStatus{Phase: corev1.PodRunning, Message: "old"})
	w.Set(pod, corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &metav1.Time{Time: time.Unix(5, 999)}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Start(ctx) }()
	const want = `{"metadata":{"uid":"u"},"status":{"phase":"Running","startTime":"1970-01-01T00:00:05Z"}}`
	if got := <-patches; got != want {
		t.Errorf("patch is %s, want %s", got, want)
	}
	// A difference that the API can't store is none.
	w.Set(pod, corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &metav1.Time{Time: time.Unix(5, 1)}})
	w.Set(pod, corev1.PodStatus{Phase: corev1.PodSucceeded})
	w.Remove(pod)
	for deadline := time.Now().Add(10 * time.Second); ; {
		if _, err := client.CoreV1().Pods("ns").Get(ctx, "p", metav1.GetOptions{}); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the pod was not removed")
		}
		<-time.After(5 * time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if len(patches) > 1 {
		t.Errorf("wrote %d times more, want at most once", len(patches))
	}
}

func TestUrgent(t *testing.T) {
	status := func(phase corev1.PodPhase, ready corev1.ConditionStatus, containers ...corev1.ContainerState) *corev1.PodStatus {
		s := &corev1.PodStatus{Phase: phase, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}}}
		for _, state := range containers {
			s.ContainerStatuses = append(s.ContainerStatuses, corev1.ContainerStatus{State: state})
		}
		return s
	}
	yes, no := corev1.ConditionTrue, corev1.ConditionFalse
	waiting := corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}
	running, ended := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}, corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}
	for name, c := range map[string]struct {
		from, to *corev1.PodStatus
		want     bool
	}{
		"a first status":    {&corev1.PodStatus{Phase: corev1.PodPending}, status(corev1.PodPending, no, waiting), false},
		"running":           {status(corev1.PodPending, no, waiting), status(corev1.PodRunning, no, running), true},
		"ready":             {status(corev1.PodRunning, no, running), status(corev1.PodRunning, yes, running), true},
		"no longer ready":   {status(corev1.PodRunning, yes, running), status(corev1.PodRunning, no, running), true},
		"a container ended": {status(corev1.PodRunning, no, running, running), status(corev1.PodRunning, no, running, ended), true},
	} {
		if got := urgent(c.from, c.to); got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
