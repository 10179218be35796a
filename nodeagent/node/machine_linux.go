// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ReadMachine asks the kernel what this machine is. storage is a path on the file system that pods write to.
func ReadMachine(storage string) (Machine, error) {
	m := Machine{CPUs: runtime.NumCPU(), OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH, HugePages: hugePages("/sys/kernel/mm/hugepages")}
	memory, err := meminfo("/proc/meminfo")
	if err != nil {
		return m, err
	}
	m.MemoryBytes, m.SwapBytes = memory["MemTotal"], memory["SwapTotal"]
	var disk unix.Statfs_t
	if err := unix.Statfs(storage, &disk); err != nil {
		return m, fmt.Errorf("measuring the file system of %s: %w", storage, err)
	}
	m.StorageBytes = int64(disk.Blocks) * disk.Bsize
	m.BootID = text("/proc/sys/kernel/random/boot_id")
	m.MachineID = strings.ReplaceAll(firstText("/etc/machine-id", "/var/lib/dbus/machine-id", "/sys/class/dmi/id/product_uuid"), "-", "")
	m.SystemUUID = firstText("/sys/class/dmi/id/product_uuid", "/proc/device-tree/vm,uuid", "/etc/machine-id")
	if m.SystemUUID == "" { // a machine without firmware tables, such as a small virtual one
		m.SystemUUID = m.BootID
	}
	if m.MachineID == "" {
		m.MachineID = strings.ReplaceAll(m.BootID, "-", "")
	}
	m.KernelVersion = text("/proc/sys/kernel/osrelease")
	m.OSImage = osImage("/etc/os-release")
	return m, nil
}

// ReadPressure asks the kernel how much is left.
func ReadPressure(storage string) (Pressure, error) {
	memory, err := meminfo("/proc/meminfo")
	if err != nil {
		return Pressure{}, err
	}
	p := Pressure{AvailableMemory: memory["MemAvailable"]}
	var disk unix.Statfs_t
	if err := unix.Statfs(storage, &disk); err != nil {
		return p, fmt.Errorf("measuring the file system of %s: %w", storage, err)
	}
	p.AvailableStorage, p.TotalStorage = int64(disk.Bavail)*disk.Bsize, int64(disk.Blocks)*disk.Bsize
	p.FreeInodes, p.TotalInodes = int64(disk.Ffree), int64(disk.Files)
	p.TotalProcesses, _ = strconv.ParseInt(text("/proc/sys/kernel/pid_max"), 10, 64) // 0 stands for unknown
	if most, err := strconv.ParseInt(text("/proc/sys/kernel/threads-max"), 10, 64); err == nil && most < p.TotalProcesses {
		p.TotalProcesses = most
	}
	if fields := strings.Fields(text("/proc/loadavg")); len(fields) > 3 {
		if _, total, found := strings.Cut(fields[3], "/"); found {
			running, _ := strconv.ParseInt(total, 10, 64)
			p.FreeProcesses = p.TotalProcesses - running
		}
	}
	return p, nil
}

// meminfo returns the kernel's figures in bytes.
func meminfo(file string) (map[string]int64, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the size of memory: %w", err)
	}
	all := map[string]int64{}
	lines := bufio.NewScanner(bytes.NewReader(raw))
	for lines.Scan() {
		name, rest, found := strings.Cut(lines.Text(), ":")
		fields := strings.Fields(rest)
		if !found || len(fields) == 0 {
			continue
		}
		value, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			continue
		}
		if len(fields) > 1 && fields[1] == "kB" {
			value <<= 10
		}
		all[name] = value
	}
	return all, nil
}

// hugePages returns the bytes of huge pages by page size.
func hugePages(dir string) map[int64]int64 {
	all := map[int64]int64{}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return all // a kernel without them
	}
	for _, entry := range entries {
		kilobytes, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimPrefix(entry.Name(), "hugepages-"), "kB"), 10, 64)
		if err != nil {
			continue
		}
		pages, err := strconv.ParseInt(text(filepath.Join(dir, entry.Name(), "nr_hugepages")), 10, 64)
		if err != nil {
			continue
		}
		all[kilobytes<<10] = pages * kilobytes << 10
	}
	return all
}

func osImage(file string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		return "Linux"
	}
	for line := range strings.Lines(string(raw)) {
		if value, found := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); found {
			return strings.Trim(value, `"'`)
		}
	}
	return "Linux"
}

func text(file string) string {
	raw, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(raw))
}

func firstText(files ...string) string {
	for _, file := range files {
		if content := text(file); content != "" {
			return content
		}
	}
	return ""
}
