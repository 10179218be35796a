// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package containerd

import (
	"context"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func readPID(config Config) (int, error) {
	raw, err := os.ReadFile(config.pidFile())
	if err != nil {
		return 0, fmt.Errorf("reading the process number of containerd: %w", err)
	}
	return strconv.Atoi(strings.TrimSpace(string(raw)))
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
