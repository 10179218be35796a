// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/clock"
)

var (
	t0       = time.Unix(1_000_000, 0)
	machine  = Machine{CPUs: 4, MemoryBytes: 8 << 30, StorageBytes: 100 << 30, HugePages: map[int64]int64{2 << 20: 1 << 30}, OperatingSystem: "linux", Architecture: "amd64"}
	settings = Settings{Name: "n", IPs: []string{"10.0.0.1"}, MaxPods: 110, Labels: map[string]string{"zone": "a"}, Version: "v1.37.2", Port: 10250, PodCIDRs: []string{"10.1.0.0/24"},
		Reserved: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("500m"), corev1.ResourceMemory: resource.MustParse("1Gi")}}
)

func TestNew(t *testing.T) {
	n := New(settings, machine, Health{Runtime: "containerd://v2"}, t0)
	want := map[string]string{"kubernetes.io/hostname": "n", "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64", "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64", "zone": "a"}
	if diff := cmp.Diff(want, n.Labels); diff != "" {
		t.Error(diff)
	}
	if n.Spec.PodCIDR != "10.1.0.0/24" || len(n.Spec.Taints) != 1 || n.Spec.Taints[0].Key != notReadyTaint {
		t.Errorf("spec is %+v", n.Spec)
	}
	for name, want := range map[corev1.ResourceName][2]string{
		"cpu": {"4", "3500m"}, "memory": {"8Gi", "6Gi"}, "pods": {"110", "110"}, "hugepages-2Mi": {"1Gi", "1Gi"}, "ephemeral-storage": {"100Gi", "100Gi"},
	} {
		capacity, allocatable := n.Status.Capacity[name], n.Status.Allocatable[name]
		if got := [2]string{capacity.String(), allocatable.String()}; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if n.Status.DaemonEndpoints.KubeletEndpoint.Port != 10250 || n.Status.NodeInfo.KubeletVersion != "v1.37.2" {
		t.Errorf("status is %+v", n.Status)
	}
}

func TestConditions(t *testing.T) {
	status := Status(corev1.NodeStatus{}, settings, machine, Health{NotReady: []string{"starting"}}, t0)
	later := t0.Add(time.Minute)
	status = Status(status, settings, machine, Health{MemoryLow: true}, later)
	type condition struct {
		Status corev1.ConditionStatus
		Reason string
		Since  time.Time
	}
	got := map[corev1.NodeConditionType]condition{}
	for _, c := range status.Conditions {
		got[c.Type] = condition{c.Status, c.Reason, c.LastTransitionTime.Time}
		if !c.LastHeartbeatTime.Time.Equal(later) {
			t.Errorf("%s has its heartbeat at %v", c.Type, c.LastHeartbeatTime)
		}
	}
	want := map[corev1.NodeConditionType]condition{
		corev1.NodeReady:          {corev1.ConditionTrue, "KubeletReady", later},
		corev1.NodeMemoryPressure: {corev1.ConditionTrue, "KubeletHasInsufficientMemory", later},
		corev1.NodeDiskPressure:   {corev1.ConditionFalse, "KubeletHasNoDiskPressure", t0},
		corev1.NodePIDPressure:    {corev1.ConditionFalse, "KubeletHasSufficientPID", t0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPressure(t *testing.T) {
	for name, c := range map[string]struct {
		p                 Pressure
		memory, disk, pid bool
	}{
		"plenty":            {Pressure{AvailableMemory: 1 << 30, AvailableStorage: 50, TotalStorage: 100, FreeInodes: 50, TotalInodes: 100, FreeProcesses: 50, TotalProcesses: 100}, false, false, false},
		"little memory":     {Pressure{AvailableMemory: 99 << 20, AvailableStorage: 50, TotalStorage: 100}, true, false, false},
		"little disk":       {Pressure{AvailableMemory: 1 << 30, AvailableStorage: 9, TotalStorage: 100}, false, true, false},
		"few inodes":        {Pressure{AvailableMemory: 1 << 30, AvailableStorage: 50, TotalStorage: 100, FreeInodes: 4, TotalInodes: 100}, false, true, false},
		"no inodes counted": {Pressure{AvailableMemory: 1 << 30, AvailableStorage: 50, TotalStorage: 100}, false, false, false},
		"few processes":     {Pressure{AvailableMemory: 1 << 30, AvailableStorage: 50, TotalStorage: 100, FreeProcesses: 4, TotalProcesses: 100}, false, false, true},
	} {
		if memory, disk, pid := c.p.Low(); memory != c.memory || disk != c.disk || pid != c.pid {
			t.Errorf("%s: %v %v %v", name, memory, disk, pid)
		}
	}
}

func TestReadMachine(t *testing.T) {
	m, err := ReadMachine(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if m.CPUs < 1 || m.MemoryBytes < 1<<20 || m.StorageBytes < 1<<20 || m.KernelVersion == "" || m.MachineID == "" || m.SystemUUID == "" {
		t.Errorf("machine is %+v", m)
	}
}

func TestKeeper(t *testing.T) {
	client := fake.NewClientset()
	var mu sync.Mutex
	health := Health{NotReady: []string{"starting"}}
	k := NewKeeper(Config{
		Client: client, Clock: clock.RealClock{}, Settings: settings, Machine: machine, Register: true, Changed: func(*corev1.Node) {},
		Check: func(context.Context) Health { mu.Lock(); defer mu.Unlock(); return health },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- k.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	eventually(t, "the node and its lease", func() bool {
		_, err := client.CoreV1().Nodes().Get(ctx, "n", metav1.GetOptions{})
		lease, leaseErr := client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Get(ctx, "n", metav1.GetOptions{})
		return err == nil && leaseErr == nil && *lease.Spec.LeaseDurationSeconds == leaseDuration
	})
	select {
	case <-k.Ready():
		t.Fatal("ready before it was")
	default:
	}
	mu.Lock()
	health = Health{}
	mu.Unlock()
	select {
	case <-k.Ready():
	case <-time.After(10 * time.Second):
		t.Fatal("not ready in time")
	}
	t.Run("a node that somebody removes comes back", func(t *testing.T) {
		if err := client.CoreV1().Nodes().Delete(ctx, "n", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		mu.Lock()
		health = Health{DiskLow: true} // something to report
		mu.Unlock()
		eventually(t, "the node", func() bool {
			k.Check()
			_, err := client.CoreV1().Nodes().Get(ctx, "n", metav1.GetOptions{})
			return !apierrors.IsNotFound(err)
		})
	})
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come in time", what)
		}
		<-time.After(10 * time.Millisecond)
	}
}
