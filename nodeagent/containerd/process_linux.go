// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Terminate ends the containerd that runs on this configuration, if any; containers go on. A process number that meanwhile
// belongs to another program is left alone.
func Terminate(ctx context.Context, config Config) error {
	if err := config.complete(); err != nil {
		return err
	}
	pid, err := readPID(config)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || pid <= 1 || !isOurs(pid, config.configFile()) {
		return removeFile(config.pidFile())
	}
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(pid, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("ending the containerd of an earlier run (process %d): %w", pid, err)
		}
		waiting, cancel := context.WithTimeout(ctx, stopGrace)
		gone := waitGone(waiting, pid, config.configFile())
		cancel()
		if gone {
			return removeFile(config.pidFile())
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return fmt.Errorf("the containerd of an earlier run (process %d) does not end", pid)
}

// isOurs tells whether the process was started with our configuration file, which no other containerd has.
func isOurs(pid int, configFile string) bool { return slices.Contains(arguments(pid), configFile) }

// arguments returns the command line of a process; none when it has ended.
func arguments(pid int) []string {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "cmdline"))
	if err != nil {
		return nil
	}
	return strings.Split(string(raw), "\x00")
}

// below tells whether path is dir or lies in it.
func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func waitGone(ctx context.Context, pid int, configFile string) bool {
	for isOurs(pid, configFile) {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return false
		}
	}
	return true
}

func removeFile(file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("removing %s: %w", file, err)
	}
	return nil
}

// mayRaisePriority tells whether we may lower oom_score_adj below our own. Without that right runc fails to start
// containers with a negative score, such as sandboxes, unless containerd is told to restrict itself.
func mayRaisePriority() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return false
	}
	return data[unix.CAP_SYS_RESOURCE/32].Effective&(1<<(unix.CAP_SYS_RESOURCE%32)) != 0
}
