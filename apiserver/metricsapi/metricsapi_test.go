// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package metricsapi

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	metricsv1beta1 "k8s.io/metrics/pkg/apis/metrics/v1beta1"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func cpu(at time.Time, nanoCores, total *uint64) *statsv1alpha1.CPUStats {
	return &statsv1alpha1.CPUStats{Time: metav1.NewTime(at), UsageNanoCores: nanoCores, UsageCoreNanoSeconds: total}
}

func memory(bytes uint64) *statsv1alpha1.MemoryStats {
	return &statsv1alpha1.MemoryStats{WorkingSetBytes: ptr.To(bytes)}
}

func summary(at time.Time, nanoCores, total *uint64) *statsv1alpha1.Summary {
	return &statsv1alpha1.Summary{
		Node: statsv1alpha1.NodeStats{CPU: cpu(at, nanoCores, total), Memory: memory(1000)},
		Pods: []statsv1alpha1.PodStats{{
			PodRef: statsv1alpha1.PodReference{UID: "1"},
			Containers: []statsv1alpha1.ContainerStats{
				{Name: "main", CPU: cpu(at, nanoCores, total), Memory: memory(10)}, {Name: "new", CPU: cpu(at, nil, nil), Memory: nil},
			},
		}},
	}
}

func TestSampleOf(t *testing.T) {
	first := sampleOf(summary(start, nil, ptr.To[uint64](1e9)), nil)
	if first.node != nil || len(first.pods["1"]) != 0 {
		t.Errorf("one reading of a total gives no average: %+v", first)
	}
	second := sampleOf(summary(start.Add(4*time.Second), nil, ptr.To[uint64](3e9)), first)
	if second.node == nil || second.node.nanoCores != 5e8 || second.node.window != 4*time.Second {
		t.Errorf("two readings: %+v", second.node)
	}
	restarted := sampleOf(summary(start.Add(8*time.Second), nil, ptr.To[uint64](1e6)), second)
	if restarted.node != nil {
		t.Errorf("a total that went back: %+v", restarted.node)
	}
	given := sampleOf(summary(start, ptr.To[uint64](7), nil), nil)
	if given.node.nanoCores != 7 || given.pods["1"]["main"].memory != 10 || len(given.pods["1"]) != 1 {
		t.Errorf("an average that is given: %+v", given)
	}
}

func TestSamplesAreKeptAndShared(t *testing.T) {
	clock := testingclock.NewFakePassiveClock(start)
	var asked atomic.Int32
	s := newSamples(clock, 10*time.Second, func(_ context.Context, node string, _ *sample) (*sample, error) {
		asked.Add(1)
		if node == "down" {
			return nil, errors.New("no answer")
		}
		return &sample{node: &usage{nanoCores: 1}}, nil
	})
	alive := map[string]bool{"up": true, "down": true}
	ctx := context.Background()
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if got := s.of(ctx, []string{"up", "down"}, alive); len(got) != 1 || got["up"] == nil {
				t.Errorf("got %v", got)
			}
		})
	}
	group.Wait()
	if n := asked.Load(); n != 2 {
		t.Errorf("agents were asked %d times, want once each", n)
	}
	clock.SetTime(start.Add(11 * time.Second))
	s.of(ctx, []string{"up"}, alive)
	if n := asked.Load(); n != 3 {
		t.Errorf("agents were asked %d times after the answers had aged", n)
	}
	s.of(ctx, nil, map[string]bool{"up": true})
	if len(s.nodes) != 1 {
		t.Errorf("%d nodes are remembered", len(s.nodes))
	}
}

func TestAnAskerThatLeavesSpoilsNothing(t *testing.T) {
	s := newSamples(testingclock.NewFakePassiveClock(start), time.Minute, func(ctx context.Context, _ string, _ *sample) (*sample, error) {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return &sample{}, nil
	})
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	alive := map[string]bool{"n": true}
	s.of(gone, []string{"n"}, alive)
	if got := s.of(context.Background(), []string{"n"}, alive); got["n"] == nil {
		t.Error("the next asker got the failure of the one before")
	}
}

func TestMetricsOf(t *testing.T) {
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web"}},
		Status: corev1.PodStatus{
			InitContainerStatuses: []corev1.ContainerStatus{{Name: "init", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{}}}},
			ContainerStatuses:     []corev1.ContainerStatus{{Name: "a", State: running}, {Name: "b", State: running}},
		},
	}
	a := usage{at: start.Add(time.Second), window: 10 * time.Second, nanoCores: 1e9, memory: 5}
	b := usage{at: start, window: 8 * time.Second, nanoCores: 2e9, memory: 6}
	got, ok := metricsOf(pod, map[string]usage{"a": a, "b": b})
	if !ok || got.Name != "web" || got.Labels["app"] != "web" || len(got.Containers) != 2 || !got.Timestamp.Time.Equal(start) || got.Window.Duration != 8*time.Second {
		t.Errorf("%v %+v", ok, got)
	}
	if got.Containers[1].Usage.Cpu().MilliValue() != 2000 || got.Containers[1].Usage.Memory().Value() != 6 {
		t.Errorf("usage is %v", got.Containers[1].Usage)
	}
	if _, ok := metricsOf(pod, map[string]usage{"a": a}); ok {
		t.Error("a pod of which half is measured was shown")
	}
	if _, ok := metricsOf(&corev1.Pod{}, nil); ok {
		t.Error("a pod without containers was shown")
	}
}

func TestTable(t *testing.T) {
	u := usage{nanoCores: 15e8, memory: 1 << 20, window: 10 * time.Second}
	list := &metricsv1beta1.PodMetricsList{Items: []metricsv1beta1.PodMetrics{{
		ObjectMeta: metav1.ObjectMeta{Name: "web"}, Window: metav1.Duration{Duration: u.window},
		Containers: []metricsv1beta1.ContainerMetrics{{Name: "a", Usage: u.list()}, {Name: "b", Usage: u.list()}},
	}}}
	got, err := (&podMetrics{}).ConvertToTable(context.Background(), list, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]any{"web", "3", "2Mi", "10s"}, got.Rows[0].Cells); diff != "" {
		t.Error(diff)
	}
}
