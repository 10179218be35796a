// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package containerd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// Sweep removes what containerd left when it could not end its containers: shims and all that runs below them, mounts,
// and the state directory. Containerd itself must not run. Images stay.
func Sweep(ctx context.Context, config Config) error {
	if err := config.complete(); err != nil {
		return err
	}
	var errs []error
	errs = append(errs, killShims(ctx, config.BinDir, config.State))
	errs = append(errs, unmountBelow(config.State), unmountBelow(filepath.Join(config.Root, "root")))
	left, err := mountsBelow(config.State)
	switch {
	case err != nil:
		errs = append(errs, err)
	case len(left) > 0:
		errs = append(errs, fmt.Errorf("removing %s: still mounted below it: %v", config.State, left))
	default:
		if err := os.RemoveAll(config.State); err != nil {
			errs = append(errs, fmt.Errorf("removing the state of containerd: %w", err))
		}
	}
	return errors.Join(errs...)
}

// killShims ends the shims that serve this state directory, and the containers that they hold.
func killShims(ctx context.Context, binDir, state string) error {
	shim := filepath.Join(binDir, "containerd-shim-runc-v2")
	for pass := 0; ; pass++ {
		pids, err := processes(shim, state)
		if err != nil || len(pids) == 0 {
			return err
		}
		if pass == 200 {
			return fmt.Errorf("shims %v do not end", pids)
		}
		for _, pid := range pids {
			for _, child := range children(pid) {
				_ = syscall.Kill(child, syscall.SIGKILL) // ESRCH: it has ended
			}
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// processes finds processes of a program whose command line or environment names state: shims of other nodes that share
// the program are not ours.
func processes(program, state string) ([]int, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	var pids []int
	for _, entry := range entries {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		target, err := os.Readlink(filepath.Join("/proc", entry.Name(), "exe"))
		if err != nil || target != program && target != program+" (deleted)" {
			continue
		}
		if names(pid, state) {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// names tells whether the command line of a process has a path at or below dir, or its working directory is there.
func names(pid int, dir string) bool {
	if cwd, err := os.Readlink(filepath.Join("/proc", strconv.Itoa(pid), "cwd")); err == nil && below(cwd, dir) {
		return true
	}
	return slices.ContainsFunc(arguments(pid), func(argument string) bool { return below(argument, dir) })
}

// children lists the processes whose parent is pid.
func children(pid int) []int {
	var list []int
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil
	}
	for _, file := range tasks {
		raw, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for _, word := range strings.Fields(string(raw)) {
			if child, err := strconv.Atoi(word); err == nil {
				list = append(list, child)
			}
		}
	}
	return list
}

func unmountBelow(dir string) error {
	for range 16 { // mounts may hide each other
		points, err := mountsBelow(dir)
		if err != nil || len(points) == 0 {
			return err
		}
		for _, point := range points {
			if err := unix.Unmount(point, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
				return fmt.Errorf("unmounting %s: %w", point, err)
			}
		}
	}
	return nil
}

// mountsBelow lists mount points at and below dir, deepest first.
func mountsBelow(dir string) ([]string, error) {
	infos, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		return nil, fmt.Errorf("listing mounts below %s: %w", dir, err)
	}
	points := make([]string, 0, len(infos))
	for _, info := range infos {
		points = append(points, info.Mountpoint)
	}
	slices.Sort(points)
	slices.Reverse(points)
	return points, nil
}
