// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Usage is what processes use.
type Usage struct {
	// PSS is memory in bytes with shared pages counted by their share, so that sums over processes are true. RSS counts
	// them fully.
	PSS, RSS int64
	// CPU is user and system time since the start.
	CPU time.Duration
}

// Plus is the sum of both.
func (u Usage) Plus(other Usage) Usage {
	return Usage{PSS: u.PSS + other.PSS, RSS: u.RSS + other.RSS, CPU: u.CPU + other.CPU}
}

// clockTick is the unit of the times in /proc/PID/stat: USER_HZ, 100 on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// UsageOf reads what the process uses now.
func UsageOf(pid int) (Usage, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	stat, errStat := os.ReadFile(filepath.Join(dir, "stat"))
	rollup, errRollup := os.ReadFile(filepath.Join(dir, "smaps_rollup"))
	if err := errors.Join(errStat, errRollup); err != nil {
		return Usage{}, fmt.Errorf("reading the use of process %d: %w", pid, err)
	}
	cpu, errCPU := cpuTime(string(stat))
	pss, errPSS := kilobytes(string(rollup), "Pss:")
	rss, errRSS := kilobytes(string(rollup), "Rss:")
	if err := errors.Join(errCPU, errPSS, errRSS); err != nil {
		return Usage{}, fmt.Errorf("reading the use of process %d: %w", pid, err)
	}
	return Usage{PSS: pss, RSS: rss, CPU: cpu}, nil
}

// cpuTime reads /proc/PID/stat. The second field is the program's name in parentheses, which may hold spaces; user and
// system time are fields 14 and 15.
func cpuTime(stat string) (time.Duration, error) {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("stat has %d fields after the name only", len(fields))
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * clockTick, errors.Join(errUser, errSystem)
}

// kilobytes reads one line of smaps_rollup, in bytes.
func kilobytes(rollup, name string) (int64, error) {
	for _, line := range strings.Split(rollup, "\n") {
		if value, found := strings.CutPrefix(line, name); found {
			n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, fmt.Errorf("smaps_rollup has no %s", name)
}
