// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"context"
	"io/fs"
	"path"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/cadvisor/lib/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/nodeagent/pods"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// fakeMeter is a tree of cgroups; each uses cores of processor all the time since the epoch.
type fakeMeter struct {
	clock clock.PassiveClock
	epoch time.Time

	mu      sync.Mutex
	cgroups map[string]fakeCgroup
	read    int
}

type fakeCgroup struct {
	cores   float64
	memory  uint64
	process int
}

func (f *fakeMeter) Measure(cgroup string, detail Detail, network int) (*model.ContainerStats, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.read++
	c, here := f.cgroups[cgroup]
	if !here {
		return nil, fs.ErrNotExist
	}
	s := &model.ContainerStats{Timestamp: f.clock.Now(), Cpu: &model.CpuStats{}, Memory: &model.MemoryStats{}}
	s.Cpu.Usage.Total = uint64(c.cores * float64(f.clock.Since(f.epoch)))
	s.Memory.Usage, s.Memory.WorkingSet, s.Memory.RSS = c.memory+100, c.memory, c.memory-100
	if detail == Full {
		s.Processes = &model.ProcessStats{ProcessCount: 1}
		s.DiskIo = &model.DiskIoStats{}
		if network > 0 {
			s.Network = &model.NetworkStats{Interfaces: []model.InterfaceStats{{Name: "net1", RxBytes: 1}, {Name: "eth0", RxBytes: 7, TxBytes: 8}}}
		}
	}
	return s, nil
}

func (f *fakeMeter) Spec(string) (model.ContainerSpec, error) {
	return model.ContainerSpec{HasCpu: true, Cpu: model.CpuSpec{Limit: 1024, Period: 100000}, HasMemory: true}, nil
}

func (f *fakeMeter) Children(cgroup string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var names []string
	for name := range f.cgroups {
		if path.Dir(name) == cgroup && name != cgroup {
			names = append(names, path.Base(name))
		}
	}
	sort.Strings(names)
	return names
}

func (f *fakeMeter) Process(cgroup string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.cgroups[cgroup].process
}

func (f *fakeMeter) Machine() (*model.MachineInfo, error) {
	return &model.MachineInfo{NumCores: 2, MemoryCapacity: 1 << 30, Timestamp: f.epoch}, nil
}

func (f *fakeMeter) Versions() *model.VersionInfo { return &model.VersionInfo{KernelVersion: "1"} }

// fakeRuntime knows the sandboxes and containers of pods.
type fakeRuntime struct {
	stats []*cri.PodSandboxStats
	asked int
}

func (f *fakeRuntime) PodStats(context.Context) ([]*cri.PodSandboxStats, error) {
	f.asked++
	return f.stats, nil
}

func (f *fakeRuntime) ContainerStats(context.Context) ([]*cri.ContainerStats, error) { return nil, nil }

func (f *fakeRuntime) ImageFilesystem(context.Context) (runtime.Filesystem, error) {
	return runtime.Filesystem{Mountpoint: "/", UsedBytes: 5, UsedInodes: 6}, nil
}

// runningPod returns a best effort pod whose containers run as <uid>-<name>.
func runningPod(uid string, started time.Time, names ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "pod-" + uid, UID: types.UID(uid)}}
	start := metav1.NewTime(started)
	pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, QOSClass: corev1.PodQOSBestEffort, StartTime: &start}
	for _, name := range names {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name})
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, corev1.ContainerStatus{
			Name: name, Image: "image/" + name + ":v1", ContainerID: "containerd://" + uid + "-" + name,
			State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: start}},
		})
	}
	return pod
}

func withLimit(pod *corev1.Pod, memory string) *corev1.Pod {
	pod.Spec.Containers[0].Resources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse(memory)}
	return pod
}

func sandboxStats(uid, sandbox string, containers ...*cri.ContainerStats) *cri.PodSandboxStats {
	return &cri.PodSandboxStats{
		Attributes: &cri.PodSandboxAttributes{Id: sandbox, Metadata: &cri.PodSandboxMetadata{Uid: uid}},
		Linux:      &cri.LinuxPodSandboxStats{Containers: containers},
	}
}

func newProvider(t *testing.T, config Config, all ...*corev1.Pod) *Provider {
	t.Helper()
	store := pods.NewStore()
	for _, pod := range all {
		store.Set(pod)
	}
	config.NodeName, config.Pods, config.CgroupRoot = "node", store, "/cox"
	if config.RootDir == "" {
		config.RootDir = t.TempDir()
	}
	config.LogsDir = config.RootDir + "/logs"
	p, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func contains(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line) {
			t.Errorf("missing %q", line)
		}
	}
	if t.Failed() {
		t.Logf("got:\n%s", text)
	}
}
