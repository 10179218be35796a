// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	testclock "k8s.io/utils/clock/testing"
)

// harness is a scheduler without informers: tests say what happens, and turn it cycle by cycle.
type harness struct {
	*Scheduler
	t     *testing.T
	time  *testclock.FakeClock
	notes *notes
	api   *fake.Clientset

	mu    sync.Mutex
	pods  map[string]*corev1.Pod // guarded by mu: as the API server would have them
	nodes map[string]*corev1.Node
	fail  error // what binding fails with
}

func newHarness(t *testing.T, cfg Config) *harness {
	t.Helper()
	h := &harness{t: t, notes: &notes{}, pods: map[string]*corev1.Pod{}, nodes: map[string]*corev1.Node{}}
	h.time = testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	cfg.Clock, cfg.Seed = h.time, 1
	h.api = fake.NewClientset()
	h.api.PrependReactor("create", "pods", h.bound)
	h.api.PrependReactor("patch", "pods", func(clienttesting.Action) (bool, runtime.Object, error) { return true, &corev1.Pod{}, nil })
	s, err := assemble(cfg, newMetrics(cfg), h.api, func(string) Recorder { return h.notes })
	if err != nil {
		t.Fatal(err)
	}
	h.Scheduler = s
	return h
}

// bound plays the API server's part in binding, and the informer's.
func (h *harness) bound(action clienttesting.Action) (bool, runtime.Object, error) {
	binding, ok := action.(clienttesting.CreateAction).GetObject().(*corev1.Binding)
	if !ok {
		return false, nil, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.fail != nil {
		return true, nil, h.fail
	}
	old := h.pods[binding.Name]
	if old == nil {
		return true, nil, errors.New("no such pod")
	}
	pod := old.DeepCopy()
	pod.Spec.NodeName = binding.Target.Name
	h.pods[binding.Name] = pod
	h.podChanged(old, pod)
	return true, binding, nil
}

func (h *harness) setNode(node *corev1.Node) {
	old := h.nodes[node.Name]
	h.nodes[node.Name] = node
	h.nodeChanged(old, node)
}

func (h *harness) setPod(pod *corev1.Pod) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.pods[pod.Name]
	h.pods[pod.Name] = pod
	h.podChanged(old, pod)
}

func (h *harness) deletePod(name string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	old := h.pods[name]
	delete(h.pods, name)
	h.podChanged(old, nil)
}

// run decides about everything that is ready to be decided about, and waits for the writes.
func (h *harness) run() {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	cancel()
	for h.queue.Counts().Active > 0 {
		item, ok := h.queue.Pop(ctx)
		if !ok {
			return
		}
		h.cycle(h.t.Context(), item)
		h.writers.Wait()
	}
}

// nodeOf is where a pod is, empty when it has no node.
func (h *harness) nodeOf(name string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pods[name].Spec.NodeName
}

// notes collects events.
type notes struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

func (n *notes) Eventf(_, _ runtime.Object, kind, reason, _, note string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, kind+" "+reason+" "+fmt.Sprintf(note, args...))
}

func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	lines := n.lines
	n.lines = nil
	return lines
}

func makeNode(name, cpu, memory string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}},
		Status: corev1.NodeStatus{Allocatable: corev1.ResourceList{
			corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory),
			corev1.ResourcePods: resource.MustParse("110"),
		}},
	}
}

func makePod(name, cpu, memory string, change ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name, UID: types.UID("uid-" + name)},
		Spec: corev1.PodSpec{SchedulerName: "default-scheduler", Containers: []corev1.Container{{
			Name: "c", Image: "web:v1", Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{
				corev1.ResourceCPU: resource.MustParse(cpu), corev1.ResourceMemory: resource.MustParse(memory)}},
		}}},
	}
	for _, f := range change {
		f(pod)
	}
	return pod
}
