// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package containerd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
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

func readPID(config Config) (int, error) {
	raw, err := os.ReadFile(config.pidFile())
	if err != nil {
		return 0, fmt.Errorf("reading the process number of containerd: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(raw)))
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

func writePID(file string, pid int) error {
	if err := writeFile(file, []byte(strconv.Itoa(pid)+"\n"), 0o644); err != nil {
		return fmt.Errorf("writing the process number of containerd: %w", err)
	}
	return nil
}

// waitForSocket returns once something accepts connections there.
func waitForSocket(ctx context.Context, socket string) error {
	var dialer net.Dialer
	for {
		conn, err := dialer.DialContext(ctx, "unix", socket)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", socket, err)
		}
	}
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
