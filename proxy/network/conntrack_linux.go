// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// SetConntrack adjusts the kernel's connection table; a setting of 0 is left
// alone, and a larger maximum than asked for stays. Only the host's own network
// namespace may set the maximum: elsewhere that is passed over.
func SetConntrack(maximum int, timeouts map[string]time.Duration) error {
	var errs []error
	if maximum > 0 {
		path := "/proc/sys/net/netfilter/nf_conntrack_max"
		if current, err := readNumber(path); err == nil && current < maximum {
			err := os.WriteFile(path, []byte(strconv.Itoa(maximum)), 0o644)
			if err != nil && !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, fmt.Errorf("setting the number of tracked connections: %w", err))
			}
		}
	}
	for name, timeout := range timeouts {
		path := filepath.Join("/proc/sys/net/netfilter", "nf_conntrack_"+name)
		seconds := int(timeout / time.Second)
		if current, err := readNumber(path); seconds == 0 || err != nil || current == seconds {
			continue // not asked for, not in this kernel, or so already
		}
		if err := os.WriteFile(path, []byte(strconv.Itoa(seconds)), 0o644); err != nil {
			errs = append(errs, fmt.Errorf("setting how long connections are tracked (%s): %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func readNumber(path string) (int, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(raw)))
}
