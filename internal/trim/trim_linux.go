// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package trim

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// AfterStart gives back what it can. Failing is harmless: the error is for the log.
func AfterStart() error {
	debug.FreeOSMemory()
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return err
	}
	defer func() { _ = maps.Close() }() // only read from
	regions, err := readOnly(maps, program)
	if err != nil {
		return fmt.Errorf("reading /proc/self/smaps: %w", err)
	}
	var errs []error
	for _, r := range regions {
		// The raw call, since the range is the kernel's and no Go memory that a slice could name.
		if _, _, errno := unix.Syscall(unix.SYS_MADVISE, r.start, uintptr(r.length), unix.MADV_DONTNEED); errno != 0 {
			errs = append(errs, fmt.Errorf("giving back %d bytes of %s: %w", r.length, program, errno))
		}
	}
	return errors.Join(errs...)
}

type region struct {
	start  uintptr
	length int
}

// readOnly finds the mappings of program that the kernel can read again from the file: private, not writable, and with
// no page that was ever written. The last matters: what the loader relocates is written first and protected afterwards,
// so that it looks like part of the file but is not.
func readOnly(smaps io.Reader, program string) ([]region, error) {
	var (
		regions []region
		current *region // the mapping whose details are being read, when it may be given back
	)
	lines := bufio.NewScanner(smaps)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 5 && strings.Contains(fields[0], "-") { // start-end perms offset device inode path
			current = nil
			if len(fields) < 6 || fields[5] != program || (fields[1] != "r--p" && fields[1] != "r-xp") {
				continue
			}
			from, to, _ := strings.Cut(fields[0], "-")
			start, err := strconv.ParseUint(from, 16, 64)
			if err != nil {
				return nil, err
			}
			end, err := strconv.ParseUint(to, 16, 64)
			if err != nil {
				return nil, err
			}
			current = &region{uintptr(start), int(end - start)}
			continue
		}
		if current != nil && len(fields) == 3 && fields[0] == "Anonymous:" {
			if fields[1] == "0" {
				regions = append(regions, *current)
			}
			current = nil
		}
	}
	return regions, lines.Err()
}
