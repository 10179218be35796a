// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// Facts are lines about this machine. What cannot be told is said so, since a figure without its machine is worth little.
func Facts() []string {
	return []string{
		fmt.Sprintf("CPU: %s, %d cores", processor(read("/proc/cpuinfo")), runtime.NumCPU()),
		"Memory: " + memory(read("/proc/meminfo")),
		fmt.Sprintf("Kernel: %s %s", strings.TrimSpace(read("/proc/sys/kernel/ostype")), strings.TrimSpace(read("/proc/sys/kernel/osrelease"))),
		"Go: " + runtime.Version(),
	}
}

// Load is the load averages of 1, 5 and 15 minutes.
func Load() string { return load(read("/proc/loadavg")) }

func read(file string) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	return string(data)
}

// processor is the model in /proc/cpuinfo, or what identifies it where a virtual machine hides the name.
func processor(cpuinfo string) string {
	fields := map[string]string{}
	for _, line := range strings.Split(cpuinfo, "\n") {
		name, value, _ := strings.Cut(line, ":")
		if name = strings.TrimSpace(name); name != "" && fields[name] == "" {
			fields[name] = strings.TrimSpace(value)
		}
	}
	switch name := fields["model name"]; {
	case name != "" && name != "unknown":
		return name
	case fields["vendor_id"] != "":
		return fmt.Sprintf("%s family %s model %s", fields["vendor_id"], fields["cpu family"], fields["model"])
	default:
		return "unknown"
	}
}

func memory(meminfo string) string {
	for _, line := range strings.Split(meminfo, "\n") {
		if rest, found := strings.CutPrefix(line, "MemTotal:"); found {
			kilobytes, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(rest, "kB")), 64)
			if err == nil {
				return fmt.Sprintf("%.1f GiB", kilobytes/(1<<20))
			}
		}
	}
	return "unknown"
}

func load(loadavg string) string {
	fields := strings.Fields(loadavg)
	if len(fields) < 3 {
		return "unknown"
	}
	return strings.Join(fields[:3], " ")
}
