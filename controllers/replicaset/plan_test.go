// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package replicaset

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newPod(name string, change ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), CreationTimestamp: metav1.NewTime(epoch), Labels: map[string]string{"app": "web"}},
		Spec:       corev1.PodSpec{NodeName: "node-1"},
		Status:     corev1.PodStatus{Phase: corev1.PodRunning},
	}
	ready(epoch)(pod)
	for _, f := range change {
		f(pod)
	}
	return pod
}

func ready(since time.Time) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(since)}}
	}
}

func notReady(p *corev1.Pod) { p.Status.Conditions = nil }
func pending(p *corev1.Pod)  { p.Status.Phase = corev1.PodPending; notReady(p) }
func failed(p *corev1.Pod)   { p.Status.Phase = corev1.PodFailed }
func unbound(p *corev1.Pod)  { p.Spec.NodeName = ""; pending(p) }
func leaving(p *corev1.Pod)  { p.DeletionTimestamp = ptr.To(metav1.NewTime(epoch)) }
func on(node string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.NodeName = node }
}
func costs(cost string) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Annotations = map[string]string{corev1.PodDeletionCost: cost} }
}
func restarted(n int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Status.ContainerStatuses = []corev1.ContainerStatus{{RestartCount: n}} }
}
func created(after time.Duration) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.CreationTimestamp = metav1.NewTime(epoch.Add(after))
		ready(epoch)(p)
	}
}

func newSet(replicas int32) *appsv1.ReplicaSet {
	set := &appsv1.ReplicaSet{ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "ns", UID: "set", Generation: 3}}
	set.Spec.Replicas = &replicas
	set.Spec.Template.Labels = map[string]string{"app": "web"}
	return set
}

func TestMakePlan(t *testing.T) {
	deleted := newSet(3)
	deleted.DeletionTimestamp = ptr.To(metav1.NewTime(epoch))
	tests := []struct {
		name   string
		set    *appsv1.ReplicaSet
		pods   []*corev1.Pod
		create int
		delete []string
	}{
		{"none yet", newSet(3), nil, 3, nil},
		{"no more than one burst", newSet(2000), nil, burst, nil},
		{"as many as wanted", newSet(1), []*corev1.Pod{newPod("a")}, 0, nil},
		{"ended and leaving pods are replaced", newSet(1), []*corev1.Pod{newPod("a", failed), newPod("b", leaving)}, 1, nil},
		{"too many", newSet(1), []*corev1.Pod{newPod("a"), newPod("b", pending)}, 0, []string{"b"}},
		{"all too many", newSet(0), []*corev1.Pod{newPod("a"), newPod("b")}, 0, []string{"a", "b"}},
		{"a deleted set does nothing", deleted, nil, 0, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := makePlan(seen{set: test.set, pods: test.pods, related: test.pods})
			var names []string
			for _, pod := range p.delete {
				names = append(names, pod.Name)
			}
			if p.create != test.create || !cmp.Equal(names, test.delete) {
				t.Errorf("makePlan() creates %d and deletes %v; want %d and %v", p.create, names, test.create, test.delete)
			}
		})
	}
}

func TestRank(t *testing.T) {
	// Each case gives pods in the order in which they must be deleted; UIDs are chosen to go the other way.
	tests := []struct {
		name string
		pods []*corev1.Pod
	}{
		{"without a node, pending, not ready, ready", []*corev1.Pod{newPod("z", unbound), newPod("y", pending), newPod("x", notReady), newPod("w")}},
		{"the cheaper to delete", []*corev1.Pod{newPod("z", costs("-5")), newPod("y"), newPod("x", costs("10"))}},
		{"a cost that is no number is none", []*corev1.Pod{newPod("z", costs("-1")), newPod("x", costs("x")), newPod("y")}},
		{"the more crowded node", []*corev1.Pod{newPod("y", on("b")), newPod("z", on("b")), newPod("a", on("a"))}},
		{"the shorter ready", []*corev1.Pod{newPod("z", ready(epoch.Add(time.Hour))), newPod("a", ready(epoch))}},
		{"ready for about as long: by UID", []*corev1.Pod{newPod("a", ready(epoch)), newPod("z", ready(epoch.Add(500*time.Millisecond)))}},
		{"the more restarts", []*corev1.Pod{newPod("z", restarted(5)), newPod("a", restarted(1))}},
		{"the younger", []*corev1.Pod{newPod("z", created(time.Hour)), newPod("a", created(0))}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			reversed := make([]*corev1.Pod, len(test.pods))
			for i, pod := range test.pods {
				reversed[len(test.pods)-1-i] = pod
			}
			rank(reversed, test.pods)
			var got, want []string
			for i := range test.pods {
				got, want = append(got, reversed[i].Name), append(want, test.pods[i].Name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMakeStatus(t *testing.T) {
	set := newSet(5)
	set.Spec.MinReadySeconds = 30
	now := epoch.Add(20 * time.Second)
	other := newPod("other")
	other.Labels = map[string]string{"app": "other"}
	pods := []*corev1.Pod{
		newPod("old", ready(epoch.Add(-time.Hour))), newPod("new", ready(epoch)), newPod("starting", notReady), newPod("gone", failed),
		newPod("leaving", leaving), other,
	}
	got, wait := makeStatus(seen{set: set, pods: pods}, nil, now)
	want := appsv1.ReplicaSetStatus{
		Replicas: 4, FullyLabeledReplicas: 3, ReadyReplicas: 3, AvailableReplicas: 1, TerminatingReplicas: ptr.To(int32(1)), ObservedGeneration: 3,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if wait != 10*time.Second {
		t.Errorf("the next pod becomes available after %s, want 10s", wait)
	}
}

func TestFailureCondition(t *testing.T) {
	failure := &writeError{reason: reasonFailedCreate, err: errors.New(`pods "x" is forbidden: exceeded quota`)}
	set := newSet(1)
	status, _ := makeStatus(seen{set: set}, failure, epoch)
	if len(status.Conditions) != 1 || status.Conditions[0].Reason != reasonFailedCreate || !strings.Contains(status.Conditions[0].Message, "exceeded quota") {
		t.Fatalf("conditions after a failure: %v", status.Conditions)
	}
	set.Status = status
	if again, _ := makeStatus(seen{set: set}, failure, epoch.Add(time.Hour)); !cmp.Equal(again, status) {
		t.Error("a second failure changes the status")
	}
	if after, _ := makeStatus(seen{set: set}, nil, epoch); len(after.Conditions) != 0 {
		t.Errorf("conditions after success: %v", after.Conditions)
	}
}
