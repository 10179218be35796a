// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package stats

import (
	"fmt"
	"io/fs"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

func statfs(dir string) (filesystem, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return filesystem{}, fmt.Errorf("measuring the file system of %s: %w", dir, err)
	}
	var info unix.Stat_t
	if err := unix.Stat(dir, &info); err != nil {
		return filesystem{}, fmt.Errorf("looking at %s: %w", dir, err)
	}
	block := uint64(s.Bsize) //nolint:gosec // never negative
	return filesystem{
		device:   info.Dev,
		capacity: s.Blocks * block, available: s.Bavail * block, usedBytes: (s.Blocks - s.Bfree) * block,
		inodes: s.Files, inodesFree: s.Ffree, usedInodes: s.Files - s.Ffree,
	}, nil
}

// walk sums up a directory as du does: blocks, not lengths, and a file with several names once.
func walk(dir string) (bytes, files uint64) {
	type file struct{ device, inode uint64 }
	seen := map[file]bool{}
	// What vanishes during the walk, or can't be read, is not counted.
	_ = filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		stat, is := info.Sys().(*syscall.Stat_t)
		if !is {
			return nil
		}
		if stat.Nlink > 1 && !entry.IsDir() {
			id := file{stat.Dev, stat.Ino}
			if seen[id] {
				return nil
			}
			seen[id] = true
		}
		bytes += uint64(stat.Blocks) * 512 //nolint:gosec // never negative
		files++
		return nil
	})
	return bytes, files
}
