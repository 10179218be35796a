// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/google/cadvisor/lib/container"
	"github.com/google/cadvisor/lib/container/common"
	"github.com/google/cadvisor/lib/container/libcontainer"
	cadvisorfs "github.com/google/cadvisor/lib/fs"
	"github.com/google/cadvisor/lib/machine"
	"github.com/google/cadvisor/lib/model"
	"github.com/google/cadvisor/lib/utils/sysfs"
	"github.com/google/cadvisor/lib/version"
)

// full are the metrics of a Full reading, those that the kubelet asks cAdvisor for.
var (
	basic = container.MetricSet{container.CpuUsageMetrics: {}, container.MemoryUsageMetrics: {}}
	full  = container.MetricSet{
		container.CpuUsageMetrics: {}, container.MemoryUsageMetrics: {}, container.DiskIOMetrics: {},
		container.NetworkUsageMetrics: {}, container.ProcessMetrics: {}, container.PressureMetrics: {},
	}
)

func fullMetrics() container.MetricSet { return full }

// kernel is the Meter of this machine.
type kernel struct {
	// mounts of the hierarchies that a reading of some detail needs: by controller with cgroup v1, one with v2.
	mounts  map[Detail]map[string]string
	machine func() (*model.MachineInfo, error)
}

func newMeter() (Meter, error) {
	k := &kernel{mounts: map[Detail]map[string]string{}}
	for detail, metrics := range map[Detail]container.MetricSet{Basic: basic, Full: full} {
		mounts, err := libcontainer.GetCgroupSubsystems(metrics)
		if err != nil {
			return nil, fmt.Errorf("looking for cgroups: %w", err)
		}
		if len(mounts) == 0 {
			return nil, fmt.Errorf("looking for cgroups: none are mounted")
		}
		k.mounts[detail] = mounts
	}
	// Read once: nothing of it changes, and it takes some hundred small files.
	k.machine = sync.OnceValues(func() (*model.MachineInfo, error) {
		info, err := machine.Info(sysfs.NewRealSysFs(), noFilesystems{}, true)
		if err != nil {
			return nil, fmt.Errorf("describing the machine: %w", err)
		}
		return info, nil
	})
	return k, nil
}

func (k *kernel) paths(cgroup string, detail Detail) map[string]string {
	return common.MakeCgroupPaths(k.mounts[detail], cgroup)
}

// dir is the cgroup in one hierarchy, to see whether it is there and what is in it.
func (k *kernel) dir(cgroup string) string {
	for _, controller := range []string{"", "cpuacct", "memory"} {
		if mount, here := k.mounts[Basic][controller]; here {
			return filepath.Join(mount, cgroup)
		}
	}
	return ""
}

// Measure implements Meter.
func (k *kernel) Measure(cgroup string, detail Detail, network int) (*model.ContainerStats, error) {
	if _, err := os.Stat(k.dir(cgroup)); err != nil {
		return nil, err
	}
	paths := k.paths(cgroup, detail)
	if cgroup == "/" {
		delete(paths, "pids") // the root has no count
	}
	manager, err := libcontainer.NewCgroupManager(cgroup, paths)
	if err != nil {
		return nil, fmt.Errorf("opening cgroup %s: %w", cgroup, err)
	}
	metrics := basic
	if detail == Full {
		metrics = full
	}
	stats, err := libcontainer.NewHandler(manager, "/", network, metrics).GetStats()
	if _, gone := os.Stat(k.dir(cgroup)); gone != nil {
		return nil, gone // while it was read: figures would be half zeros
	}
	if err != nil {
		return nil, fmt.Errorf("measuring cgroup %s: %w", cgroup, err)
	}
	if detail == Full {
		common.AssignDeviceNamesToDiskStats(deviceNames{}, stats.DiskIo)
	}
	return stats, nil
}

// Spec implements Meter.
func (k *kernel) Spec(cgroup string) (model.ContainerSpec, error) {
	spec, err := common.GetSpec(k.paths(cgroup, Full), k, false, false)
	if err != nil {
		return spec, fmt.Errorf("reading the limits of cgroup %s: %w", cgroup, err)
	}
	return spec, nil
}

// Children implements Meter.
func (k *kernel) Children(cgroup string) []string {
	entries, err := os.ReadDir(k.dir(cgroup))
	if err != nil {
		return nil // as empty
	}
	var names []string
	for _, entry := range entries {
		if entry.IsDir() {
			names = append(names, entry.Name())
		}
	}
	return names
}

// Process implements Meter.
func (k *kernel) Process(cgroup string) int {
	file, err := os.Open(filepath.Join(k.dir(cgroup), "cgroup.procs"))
	if err != nil {
		return 0
	}
	defer func() { _ = file.Close() }()
	lines := bufio.NewScanner(file)
	if !lines.Scan() {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(lines.Text()))
	if err != nil {
		return 0
	}
	return pid
}

// Machine implements Meter.
func (k *kernel) Machine() (*model.MachineInfo, error) { return k.machine() }

// Versions implements Meter.
func (k *kernel) Versions() *model.VersionInfo {
	return &model.VersionInfo{
		KernelVersion: machine.KernelVersion(), ContainerOsVersion: machine.ContainerOsVersion(),
		CadvisorVersion: version.Info["version"], CadvisorRevision: version.Info["revision"],
	}
}

// GetMachineInfo and GetVersionInfo make it a model.MachineInfoFactory.
func (k *kernel) GetMachineInfo() (*model.MachineInfo, error) { return k.machine() }

// GetVersionInfo implements model.MachineInfoFactory.
func (k *kernel) GetVersionInfo() (*model.VersionInfo, error) { return k.Versions(), nil }

// deviceNames gives block devices the names that the kernel has for them.
type deviceNames struct{}

// DeviceName implements common.DeviceNamer.
func (deviceNames) DeviceName(major, minor uint64) (string, bool) {
	target, err := os.Readlink(fmt.Sprintf("/sys/dev/block/%d:%d", major, minor))
	if err != nil {
		return fmt.Sprintf("%d:%d", major, minor), true // two disks must never share a name
	}
	return "/dev/" + filepath.Base(target), true
}

// noFilesystems keeps the machine's description from walking all mounts; those that matter here are asked one by one.
type noFilesystems struct{ cadvisorfs.FsInfo }

// GetGlobalFsInfo implements cadvisorfs.FsInfo.
func (noFilesystems) GetGlobalFsInfo() ([]cadvisorfs.Fs, error) { return nil, nil }
