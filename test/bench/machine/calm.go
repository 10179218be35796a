// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

const (
	// window is how long the machine is looked at, and calm how much of it others may use meanwhile.
	window = 500 * time.Millisecond
	calm   = 0.1
)

// AwaitCalm waits until the machine has nothing else to do, or until patience is over, and returns the share of all its
// cores that was last in use. It is asked when nothing of ours runs, so what is in use is somebody else's.
func AwaitCalm(ctx context.Context, patience time.Duration) float64 {
	deadline := time.Now().Add(patience)
	for {
		before := read("/proc/stat")
		timer := time.NewTimer(window)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		share, err := busy(before, read("/proc/stat"))
		if err != nil || share <= calm || ctx.Err() != nil || time.Now().After(deadline) {
			return share
		}
	}
}

// busy is the share of the time between two readings of /proc/stat in which cores worked, or in which the host of a
// virtual machine gave them to others.
func busy(before, after string) (float64, error) {
	first, err := ticks(before)
	if err != nil {
		return 0, err
	}
	second, err := ticks(after)
	if err != nil {
		return 0, err
	}
	var all, idle float64
	for i := range first {
		all += second[i] - first[i]
	}
	idle = second[3] + second[4] - first[3] - first[4] // idle, and idle until a disk answers
	if all <= 0 {
		return 0, nil
	}
	return 1 - idle/all, nil
}

// ticks are user, nice, system, idle, iowait, irq, softirq and steal of all cores together.
func ticks(stat string) ([8]float64, error) {
	var values [8]float64
	line, _, _ := strings.Cut(stat, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return values, fmt.Errorf("reading /proc/stat: %q is not the line of all cores", line)
	}
	for i := range values {
		value, err := strconv.ParseFloat(fields[i+1], 64)
		if err != nil {
			return values, fmt.Errorf("reading /proc/stat: %w", err)
		}
		values[i] = value
	}
	return values, nil
}
