// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/cgroups/manager"
	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/pods"
	"coxswain.dev/coxswain/nodeagent/resources"
)

const spinVariable = "COXSWAIN_STATS_TEST_SPINS"

// TestMain lets the test run itself as a process that uses one core and 64 MiB.
func TestMain(m *testing.M) {
	if os.Getenv(spinVariable) == "" {
		os.Exit(m.Run())
	}
	ballast := make([]byte, 64<<20)
	for i := 0; ; i += 4096 {
		ballast[i%len(ballast)]++
	}
}

// TestRealCgroups measures a process in cgroups of the running kernel, v1 or v2.
func TestRealCgroups(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("making cgroups takes root")
	}
	root := fmt.Sprintf("/coxswain-stats-test-%d", os.Getpid())
	tree := resources.NewTree(root)
	pod := runningPod("real", time.Now().Add(-time.Hour), "spinner")
	if err := tree.Setup(corev1.ResourceList{}); err != nil {
		t.Skipf("this machine lets nobody make cgroups: %v", err)
	}
	t.Cleanup(func() {
		if err := tree.Destroy(); err != nil {
			t.Error(err)
		}
	})
	parent, err := tree.Ensure(pod)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tree.Remove(pod.UID); err != nil {
			t.Error(err)
		}
	})
	spin(t, filepath.Join(parent, "real-spinner"))

	store := pods.NewStore()
	store.Set(pod)
	p, err := New(Config{NodeName: "node", Pods: store, RootDir: t.TempDir(), CgroupRoot: root})
	if err != nil {
		t.Fatal(err)
	}
	for _, target := range []string{"/stats/summary?only_cpu_and_memory=true", "/stats/summary"} {
		began := time.Now()
		summary := getSummary(t, p, target)
		t.Logf("%s took %v", target, time.Since(began))
		if len(summary.Pods) != 1 || len(summary.Pods[0].Containers) != 1 {
			t.Fatalf("wrong pods: %+v", summary.Pods)
		}
		c := summary.Pods[0].Containers[0]
		if c.CPU.UsageNanoCores == nil || *c.CPU.UsageNanoCores < 50e6 || *c.CPU.UsageNanoCores > 1200e6 {
			t.Errorf("%s: a process that spins uses %v billionths of a core", target, c.CPU.UsageNanoCores)
		}
		if got := *c.Memory.WorkingSetBytes; got < 60<<20 || got > 120<<20 {
			t.Errorf("%s: a process with 64 MiB uses %d bytes", target, got)
		}
		whole := summary.Pods[0]
		if *whole.Memory.WorkingSetBytes < *c.Memory.WorkingSetBytes-(4<<20) || *whole.CPU.UsageNanoCores == 0 {
			t.Errorf("%s: the pod uses less than its container: %+v %+v", target, whole.CPU, whole.Memory)
		}
		node := summary.Node
		if *node.CPU.UsageNanoCores < 50e6 || *node.Memory.WorkingSetBytes < *c.Memory.WorkingSetBytes || *node.Memory.AvailableBytes == 0 {
			t.Errorf("%s: the node uses less than its pod: %+v %+v", target, node.CPU, node.Memory)
		}
		t.Logf("container: %.3f cores, %d MiB; node: %.3f cores, %d MiB", float64(*c.CPU.UsageNanoCores)/1e9, *c.Memory.WorkingSetBytes>>20,
			float64(*node.CPU.UsageNanoCores)/1e9, *node.Memory.WorkingSetBytes>>20)
	}
	began := time.Now()
	contains(t, get(t, p, "/metrics/resource").Body.String(), `container_cpu_usage_seconds_total{container="spinner"`, "resource_scrape_error 0")
	t.Logf("/metrics/resource took %v", time.Since(began))
	began = time.Now()
	contains(t, get(t, p, "/metrics/cadvisor").Body.String(), `container="spinner"`, "machine_cpu_cores{", "container_scrape_error 0", "machine_scrape_error 0")
	t.Logf("/metrics/cadvisor took %v", time.Since(began))

	machine, err := p.Machine()
	if err != nil {
		t.Fatal(err)
	}
	if machine.NumCores < 1 || machine.MemoryCapacity < 64<<20 || machine.BootID == "" {
		t.Errorf("a strange machine: %+v", machine)
	}
}

// spin runs a process in the cgroup until the test ends.
func spin(t *testing.T, cgroup string) {
	t.Helper()
	m, err := manager.New(&cgroups.Cgroup{Path: cgroup, Resources: &cgroups.Resources{SkipDevices: true}})
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Its memory counts where it is touched first, so it must not run before it is where it belongs.
	command := exec.Command("/bin/sh", "-c", "kill -STOP $$; exec "+strconv.Quote(self))
	command.Env = append(os.Environ(), spinVariable+"=1", "GOMAXPROCS=1")
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
		if err := m.Destroy(); err != nil {
			t.Error(err)
		}
	})
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(command.Process.Pid, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("the process did not stop: %v %v", status, err)
	}
	if err := m.Apply(command.Process.Pid); err != nil {
		t.Fatal(err)
	}
	if err := command.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		stats, err := m.GetStats()
		if err != nil {
			t.Fatal(err)
		}
		if stats.MemoryStats.Usage.Usage > 64<<20 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the process did not fill its memory")
		}
	}
}
