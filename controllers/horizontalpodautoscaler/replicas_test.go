// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package horizontalpodautoscaler

import (
	"fmt"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// newPods makes n ready pods that request a CPU each and started long ago.
func newPods(n int, change ...func(i int, pod *corev1.Pod)) []*corev1.Pod {
	pods := make([]*corev1.Pod, n)
	for i := range pods {
		started := metav1.NewTime(epoch.Add(-time.Hour))
		pods[i] = &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprint(i)},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1")}}}}},
			Status: corev1.PodStatus{Phase: corev1.PodRunning, StartTime: &started, Conditions: []corev1.PodCondition{
				{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastTransitionTime: started}}},
		}
		for _, f := range change {
			f(i, pods[i])
		}
	}
	return pods
}

func TestReplicas(t *testing.T) {
	percent := func(p int32) target { return target{utilization: p} }
	from := func(first int, f func(*corev1.Pod)) func(int, *corev1.Pod) {
		return func(i int, pod *corev1.Pod) {
			if i >= first {
				f(pod)
			}
		}
	}
	pending := func(p *corev1.Pod) { p.Status.Phase = corev1.PodPending }
	failed := func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }
	justStarted := func(p *corev1.Pod) {
		now := metav1.NewTime(epoch)
		p.Status.StartTime = &now
		p.Status.Conditions[0].LastTransitionTime = now
	}
	tests := []struct {
		name string
		pods []*corev1.Pod
		// used is each pod's usage in thousandths of a CPU; -1 means no sample.
		used []int64
		goal target
		want int32
		util int32
	}{
		{"twice the target", newPods(3), []int64{600, 600, 600}, percent(30), 6, 60},
		{"half the target", newPods(4), []int64{100, 100, 100, 100}, percent(20), 2, 10},
		{"within tolerance", newPods(3), []int64{320, 320, 320}, percent(30), 3, 32},
		{"a value for each pod", newPods(2), []int64{900, 900}, target{averageValue: 300}, 6, -1},
		{"pending pods damp going up", newPods(3, from(2, pending)), []int64{600, 600, -1}, percent(30), 4, 60},
		{"pending pods do not turn going up around", newPods(4, from(1, pending)), []int64{400, -1, -1, -1}, percent(30), 4, 40},
		{"pods that just started do not count for CPU", newPods(3, from(2, justStarted)), []int64{600, 600, 5000}, percent(30), 4, 60},
		{"missing samples damp going up", newPods(4), []int64{900, 900, -1, -1}, percent(30), 6, 90},
		{"missing samples damp going down", newPods(4), []int64{50, 50, -1, -1}, percent(100), 3, 5},
		{"failed pods do not count", newPods(3, from(2, failed)), []int64{600, 600, 9000}, percent(30), 4, 60},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			samples := map[string]sample{}
			for i, used := range test.used {
				if used >= 0 {
					samples[fmt.Sprint(i)] = sample{value: used, at: epoch, window: time.Minute}
				}
			}
			requests, err := requestsOf(test.pods, "", corev1.ResourceCPU)
			if err != nil {
				t.Fatal(err)
			}
			c := count(test.pods, samples, corev1.ResourceCPU, timing{5 * time.Minute, 30 * time.Second}, epoch)
			got, err := replicas(int32(len(test.pods)), c, samples, requests, test.goal, tolerance{0.1, 0.1})
			if err != nil {
				t.Fatal(err)
			}
			if got.replicas != test.want || got.utilization != test.util {
				t.Errorf("replicas() = %d at %d %%, want %d at %d %%", got.replicas, got.utilization, test.want, test.util)
			}
		})
	}
}

func TestReplicasNeedsSamples(t *testing.T) {
	pods := newPods(1, func(_ int, p *corev1.Pod) { p.Status.Phase = corev1.PodPending })
	c := count(pods, nil, corev1.ResourceCPU, timing{}, epoch)
	if _, err := replicas(1, c, nil, nil, target{averageValue: 1}, tolerance{}); err == nil {
		t.Error("a count is computed from nothing")
	}
}

func TestRequests(t *testing.T) {
	pods := newPods(1, func(_ int, p *corev1.Pod) {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "bare"})
	})
	if _, err := requestsOf(pods, "", corev1.ResourceCPU); err == nil {
		t.Error("a percentage is taken of a missing request")
	}
	if got, err := requestsOf(pods, "web", corev1.ResourceCPU); err != nil || got["0"] != 1000 {
		t.Errorf("requestsOf(web) = %v, %v", got, err)
	}
	if _, err := requestsOf(pods, "none", corev1.ResourceCPU); err == nil {
		t.Error("a container that is not there has a request")
	}
}
