// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podgc

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newPod(name string, age time.Duration, phase corev1.PodPhase, reason string) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(epoch.Add(-age))},
		Status:     corev1.PodStatus{Phase: phase, Reason: reason},
	}
}

func TestExcess(t *testing.T) {
	pods := []corev1.Pod{
		newPod("running", 9*time.Hour, corev1.PodRunning, ""), newPod("young", time.Hour, corev1.PodSucceeded, ""),
		newPod("old", 3*time.Hour, corev1.PodFailed, ""), newPod("evicted", time.Minute, corev1.PodFailed, "Evicted"),
	}
	for threshold, want := range map[int][]string{3: nil, 2: {"evicted"}, 1: {"evicted", "old"}} {
		var names []string
		for _, pod := range excess(pods, threshold) {
			names = append(names, pod.Name)
		}
		if diff := cmp.Diff(want, names); diff != "" {
			t.Errorf("threshold %d: %s", threshold, diff)
		}
	}
}

func TestFailed(t *testing.T) {
	running := newPod("running", 0, corev1.PodRunning, "")
	status := failed(&running, "PodGC: node no longer exists", epoch)
	if status.Phase != corev1.PodFailed || len(status.Conditions) != 1 || status.Conditions[0].Reason != "DeletionByPodGC" {
		t.Errorf("failed() = %v", status)
	}
	done := newPod("done", 0, corev1.PodSucceeded, "")
	if diff := cmp.Diff(done.Status, failed(&done, "", epoch)); diff != "" {
		t.Errorf("a pod that has ended changes: %s", diff)
	}
}

func TestOutOfService(t *testing.T) {
	node := &corev1.Node{Spec: corev1.NodeSpec{Taints: []corev1.Taint{{Key: corev1.TaintNodeOutOfService, Effect: corev1.TaintEffectNoExecute}}}}
	if !outOfService(node) {
		t.Error("a tainted node that is not ready counts as in service")
	}
	node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	if outOfService(node) {
		t.Error("a ready node counts as out of service")
	}
}
