// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	statsv1alpha1 "k8s.io/kubelet/pkg/apis/stats/v1alpha1"
)

// bootTime is when the machine, and with it what its root cgroup counts, began.
func bootTime(now time.Time) time.Time {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return now
	}
	return now.Add(-time.Duration(info.Uptime) * time.Second)
}

// processes says how many processes there are, threads counted, and how many there may be.
func processes(at time.Time) *statsv1alpha1.RlimitStats {
	stats := &statsv1alpha1.RlimitStats{Time: metav1.NewTime(at)}
	for _, file := range []string{"/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"} {
		if most, err := number(file); err == nil && (stats.MaxPID == nil || most < *stats.MaxPID) {
			stats.MaxPID = &most
		}
	}
	if raw, err := os.ReadFile("/proc/loadavg"); err == nil {
		if fields := strings.Fields(string(raw)); len(fields) > 3 {
			_, total, _ := strings.Cut(fields[3], "/") // running/all
			if count, err := strconv.ParseInt(total, 10, 64); err == nil {
				stats.NumOfRunningProcesses = &count
			}
		}
	}
	return stats
}

func number(file string) (int64, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
}
