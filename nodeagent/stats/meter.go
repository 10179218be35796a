// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"github.com/google/cadvisor/lib/model"
)

// Detail is how much a reading holds.
type Detail int

const (
	// Basic is processor and memory.
	Basic Detail = iota
	// Full adds disks, network and processes.
	Full
)

// Meter reads what the kernel counts. Its methods may be called from several goroutines.
type Meter interface {
	// Measure reads a cgroup, named from the root of its hierarchies. network is a process whose network namespace is
	// read as well, 0 for none. A cgroup that is not there is an fs.ErrNotExist.
	Measure(cgroup string, detail Detail, network int) (*model.ContainerStats, error)
	// Spec reads the limits of a cgroup.
	Spec(cgroup string) (model.ContainerSpec, error)
	// Children are the names of the cgroups right below.
	Children(cgroup string) []string
	// Process returns one process of the cgroup, 0 when it holds none.
	Process(cgroup string) int
	// Machine describes the hardware.
	Machine() (*model.MachineInfo, error)
	// Versions names kernel, system and cAdvisor.
	Versions() *model.VersionInfo
}
