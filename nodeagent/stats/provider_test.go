// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
	testingclock "k8s.io/utils/clock/testing"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

const podCgroup = "/cox/kubepods/besteffort/poda"

// fixture is a node with one pod of two containers, seen 100 seconds after the epoch.
func fixture() (*testingclock.FakeClock, *fakeMeter, *corev1.Pod) {
	now := testingclock.NewFakeClock(epoch.Add(100 * time.Second))
	meter := &fakeMeter{clock: now, epoch: epoch, cgroups: map[string]fakeCgroup{
		"/":                          {cores: 1.5, memory: 1 << 29},
		"/cox/kubepods":              {cores: 0.75, memory: 3000},
		podCgroup:                    {cores: 0.75, memory: 3000},
		podCgroup + "/a-web":         {cores: 0.5, memory: 2000},
		podCgroup + "/crio-a-helper": {cores: 0.25, memory: 1000},
		podCgroup + "/box":           {cores: 0, memory: 200, process: 42},
	}}
	return now, meter, withLimit(runningPod("a", epoch, "web", "helper"), "5k")
}

func get(t *testing.T, p *Provider, target string) *httptest.ResponseRecorder {
	t.Helper()
	mux := http.NewServeMux()
	for pattern, handler := range p.Handlers() {
		mux.Handle(pattern, handler)
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, target, nil))
	return w
}

func getSummary(t *testing.T, p *Provider, target string) statsv1alpha1.Summary {
	t.Helper()
	w := get(t, p, target)
	if w.Code != http.StatusOK {
		t.Fatalf("%s answers %d: %s", target, w.Code, w.Body)
	}
	var summary statsv1alpha1.Summary
	if err := json.Unmarshal(w.Body.Bytes(), &summary); err != nil {
		t.Fatal(err)
	}
	return summary
}

// warm takes a first reading ten seconds before the test asks.
func warm(t *testing.T, p *Provider, now *testingclock.FakeClock) {
	t.Helper()
	if _, err := p.counters(t.Context(), Basic); err != nil {
		t.Fatal(err)
	}
	now.Step(10 * time.Second)
}

func TestSummaryOfProcessorAndMemory(t *testing.T) {
	now, meter, pod := fixture()
	told := &fakeRuntime{}
	p := newProvider(t, Config{Clock: now, Meter: meter, Runtime: told}, pod)
	warm(t, p, now)
	summary := getSummary(t, p, "/stats/summary?only_cpu_and_memory=true")

	type figures struct{ Cores, Total, Working, Available uint64 }
	value := func(n *uint64) uint64 {
		if n == nil {
			return 0
		}
		return *n
	}
	of := func(c *statsv1alpha1.CPUStats, m *statsv1alpha1.MemoryStats) figures {
		return figures{value(c.UsageNanoCores), value(c.UsageCoreNanoSeconds), value(m.WorkingSetBytes), value(m.AvailableBytes)}
	}
	got := map[string]figures{"node": of(summary.Node.CPU, summary.Node.Memory)}
	for _, pod := range summary.Pods {
		got[pod.PodRef.Name] = of(pod.CPU, pod.Memory)
		for _, c := range pod.Containers {
			got[pod.PodRef.Name+"/"+c.Name] = of(c.CPU, c.Memory)
		}
	}
	for _, c := range summary.Node.SystemContainers {
		got[c.Name] = of(c.CPU, c.Memory)
	}
	want := map[string]figures{
		"node":         {1_500_000_000, 165_000_000_000, 1 << 29, 1 << 29},
		"pods":         {750_000_000, 82_500_000_000, 3000, 1<<30 - 3000},
		"pod-a":        {750_000_000, 82_500_000_000, 3000, 0},
		"pod-a/web":    {500_000_000, 55_000_000_000, 2000, 3000},
		"pod-a/helper": {250_000_000, 27_500_000_000, 1000, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("wrong figures (-want +got):\n%s", diff)
	}
	if summary.Pods[0].Network != nil || summary.Node.Fs != nil {
		t.Error("more than asked for")
	}
	if told.asked != 0 {
		t.Error("the runtime was bothered for what the kernel knows")
	}
}

func TestFirstQuestionWaitsForASecondReading(t *testing.T) {
	now, meter, pod := fixture()
	p := newProvider(t, Config{Clock: now, Meter: meter}, pod)
	answered := make(chan *snapshot)
	go func() {
		s, _ := p.snapshot(t.Context(), Basic)
		answered <- s
	}()
	for deadline := time.Now().Add(10 * time.Second); !now.HasWaiters(); {
		if time.Now().After(deadline) {
			t.Fatal("the question does not wait")
		}
	}
	now.Step(2 * time.Second)
	s := <-answered
	if s == nil || s.node.cores == nil || *s.node.cores != 1_500_000_000 {
		t.Errorf("no rate after the second reading: %+v", s)
	}
}

func TestQuestionIsGivenUp(t *testing.T) {
	now, meter, pod := fixture()
	p := newProvider(t, Config{Clock: now, Meter: meter}, pod)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.snapshot(ctx, Basic); err == nil {
		t.Error("a question whose asker went away is answered")
	}
}

func TestQuestionsShareASnapshot(t *testing.T) {
	now, meter, pod := fixture()
	p := newProvider(t, Config{Clock: now, Meter: meter}, pod)
	warm(t, p, now)
	getSummary(t, p, "/stats/summary")
	before := meter.read
	getSummary(t, p, "/stats/summary")
	getSummary(t, p, "/stats/summary?only_cpu_and_memory=true")
	if meter.read != before {
		t.Error("the kernel was read again at once")
	}
	now.Step(5 * time.Second)
	getSummary(t, p, "/stats/summary?only_cpu_and_memory=true")
	if meter.read == before {
		t.Error("an old snapshot was given")
	}
}

func TestFullSummary(t *testing.T) {
	now, meter, pod := fixture()
	pod.Spec.Volumes = []corev1.Volume{{Name: "cache"}, {Name: "elsewhere"}}
	told := &fakeRuntime{stats: []*cri.PodSandboxStats{sandboxStats("a", "box", &cri.ContainerStats{
		Attributes:    &cri.ContainerAttributes{Id: "a-web"},
		WritableLayer: &cri.FilesystemUsage{Timestamp: epoch.UnixNano(), UsedBytes: &cri.UInt64Value{Value: 4096}, InodesUsed: &cri.UInt64Value{Value: 3}},
	})}}
	root := t.TempDir()
	volume := filepath.Join(root, "pods", "a", "volumes", "kubernetes.io~empty-dir", "cache")
	logs := filepath.Join(root, "logs", "default_pod-a_a", "web")
	for _, dir := range []string{volume, logs} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "file"), make([]byte, 10000), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(volume, "file"), filepath.Join(volume, "again")); err != nil {
		t.Fatal(err)
	}
	p := newProvider(t, Config{Clock: now, Meter: meter, Runtime: told, RootDir: root}, pod)
	warm(t, p, now)
	summary := getSummary(t, p, "/stats/summary")
	if summary.Node.Fs == nil || summary.Node.Runtime == nil || summary.Node.Rlimit == nil || summary.Node.Network == nil {
		t.Fatalf("the node lacks figures: %+v", summary.Node)
	}
	if got := *summary.Node.Runtime.ImageFs.UsedBytes; got != 5 {
		t.Errorf("images take %d", got)
	}
	stats := summary.Pods[0]
	if stats.Network == nil || stats.Network.Name != "eth0" || *stats.Network.RxBytes != 7 || len(stats.Network.Interfaces) != 2 {
		t.Errorf("wrong network: %+v", stats.Network)
	}
	if *stats.ProcessStats.ProcessCount != 2 {
		t.Errorf("%d processes", *stats.ProcessStats.ProcessCount)
	}
	if len(stats.VolumeStats) != 1 || *stats.VolumeStats[0].InodesUsed != 2 || *stats.VolumeStats[0].UsedBytes < 10000 || *stats.VolumeStats[0].UsedBytes > 40000 {
		t.Errorf("wrong volumes: %+v", stats.VolumeStats)
	}
	web := stats.Containers[0]
	if *web.Rootfs.UsedBytes != 4096 || *web.Logs.UsedBytes < 10000 {
		t.Errorf("wrong disks of a container: %+v %+v", web.Rootfs, web.Logs)
	}
	if want := 4096 + *web.Logs.UsedBytes + *stats.VolumeStats[0].UsedBytes; *stats.EphemeralStorage.UsedBytes != want {
		t.Errorf("the pod takes %d, want %d", *stats.EphemeralStorage.UsedBytes, want)
	}
	now.Step(5 * time.Second)
	getSummary(t, p, "/stats/summary")
	if told.asked != 1 {
		t.Errorf("the runtime was asked %d times", told.asked)
	}
}

func TestContainersOutsideOfTheTreeComeFromTheRuntime(t *testing.T) {
	now, meter, pod := fixture()
	for _, cgroup := range []string{podCgroup, podCgroup + "/a-web", podCgroup + "/crio-a-helper"} {
		delete(meter.cgroups, cgroup)
	}
	told := func(id string, cores uint64) *cri.ContainerStats {
		number := func(n uint64) *cri.UInt64Value { return &cri.UInt64Value{Value: n} }
		return &cri.ContainerStats{
			Attributes: &cri.ContainerAttributes{Id: id},
			Cpu:        &cri.CpuUsage{Timestamp: now.Now().UnixNano(), UsageCoreNanoSeconds: number(9), UsageNanoCores: number(cores)},
			Memory:     &cri.MemoryUsage{Timestamp: now.Now().UnixNano(), WorkingSetBytes: number(10)},
		}
	}
	runtime := &fakeRuntime{stats: []*cri.PodSandboxStats{sandboxStats("a", "box", told("a-web", 3), told("a-helper", 4))}}
	p := newProvider(t, Config{Clock: now, Meter: meter, Runtime: runtime}, pod)
	warm(t, p, now)
	summary := getSummary(t, p, "/stats/summary?only_cpu_and_memory=true")
	if len(summary.Pods) != 1 || len(summary.Pods[0].Containers) != 2 {
		t.Fatalf("wrong pods: %+v", summary.Pods)
	}
	if got := summary.Pods[0]; *got.CPU.UsageNanoCores != 7 || *got.Memory.WorkingSetBytes != 20 {
		t.Errorf("wrong sums: %+v %+v", got.CPU, got.Memory)
	}
}

func TestPodsThatDoNotRunAreLeftOut(t *testing.T) {
	now, meter, pod := fixture()
	waiting := runningPod("b", epoch, "web")
	waiting.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}
	p := newProvider(t, Config{Clock: now, Meter: meter, Runtime: &fakeRuntime{}}, pod, waiting)
	warm(t, p, now)
	if got := getSummary(t, p, "/stats/summary"); len(got.Pods) != 1 {
		t.Errorf("%d pods", len(got.Pods))
	}
}

func TestBadParameter(t *testing.T) {
	now, meter, pod := fixture()
	p := newProvider(t, Config{Clock: now, Meter: meter}, pod)
	if w := get(t, p, "/stats/summary?only_cpu_and_memory=perhaps"); w.Code != http.StatusBadRequest {
		t.Errorf("answered %d", w.Code)
	}
}

func TestResourceMetrics(t *testing.T) {
	now, meter, pod := fixture()
	p := newProvider(t, Config{Clock: now, Meter: meter}, pod)
	contains(t, get(t, p, "/metrics/resource").Body.String(),
		"node_cpu_usage_seconds_total 150 1767225700000",
		"node_memory_working_set_bytes 5.36870912e+08",
		`pod_cpu_usage_seconds_total{namespace="default",pod="pod-a"} 75`,
		`pod_memory_working_set_bytes{namespace="default",pod="pod-a"} 3000`,
		`container_cpu_usage_seconds_total{container="web",namespace="default",pod="pod-a"} 50`,
		`container_memory_working_set_bytes{container="helper",namespace="default",pod="pod-a"} 1000`,
		`container_start_time_seconds{container="web",namespace="default",pod="pod-a"} 1.7672256e+09`,
		"resource_scrape_error 0",
	)
}

func TestCadvisorMetrics(t *testing.T) {
	now, meter, pod := fixture()
	p := newProvider(t, Config{Clock: now, Meter: meter, Runtime: &fakeRuntime{stats: []*cri.PodSandboxStats{sandboxStats("a", "box")}}}, pod)
	contains(t, get(t, p, "/metrics/cadvisor").Body.String(),
		`container_cpu_usage_seconds_total{container="web",cpu="total",id="/cox/kubepods/besteffort/poda/a-web",image="image/web:v1",name="a-web",namespace="default",pod="pod-a"} 50`,
		`container_memory_working_set_bytes{container="",id="/",image="",name="",namespace="",pod=""} 5.36870912e+08`,
		`container_network_receive_bytes_total{container="",id="/cox/kubepods/besteffort/poda/box",image="",interface="eth0",name="box",namespace="default",pod="pod-a"} 7`,
		"machine_cpu_cores{", "machine_memory_bytes{", "container_scrape_error 0",
	)
}
