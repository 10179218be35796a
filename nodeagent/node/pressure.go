// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

// Pressure is what the machine is short of now.
type Pressure struct {
	AvailableMemory, AvailableStorage, TotalStorage int64
	FreeInodes, TotalInodes                         int64
	FreeProcesses, TotalProcesses                   int64
}

// Low compares with the kubelet's default thresholds.
func (p Pressure) Low() (memory, disk, processes bool) {
	memory = p.AvailableMemory < 100<<20
	disk = p.AvailableStorage*10 < p.TotalStorage || p.TotalInodes > 0 && p.FreeInodes*20 < p.TotalInodes
	processes = p.TotalProcesses > 0 && p.FreeProcesses*20 < p.TotalProcesses
	return memory, disk, processes
}
