// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// claim is this machine's place for one conformance cluster. Its addresses and its folder for sockets are fixed, so two
// of them would be in each other's way, whatever checkouts they come from. The file of the claim names the data folder
// of the cluster, so that the next run finds what one that was killed has left.
type claim struct{ file *os.File }

// takeClaim takes the place, and says where the last owner's cluster is if it did not take it down.
func takeClaim(path string) (_ *claim, left string, retErr error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, "", fmt.Errorf("claiming the conformance cluster's place: %w", err)
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, "", fmt.Errorf("claiming the conformance cluster's place: %w", err)
	}
	defer func() {
		if retErr != nil {
			retErr = errors.Join(retErr, file.Close())
		}
	}()
	if err := lockFile(file); err != nil {
		return nil, "", fmt.Errorf("claiming %s, which another conformance run on this machine holds: %w", path, err)
	}
	data, err := io.ReadAll(file)
	if err != nil {
		return nil, "", fmt.Errorf("claiming the conformance cluster's place: %w", err)
	}
	return &claim{file: file}, strings.TrimSpace(string(data)), nil
}

// note writes down the data folder of the cluster that is there now; "" for none.
func (c *claim) note(dataDir string) error {
	if err := c.file.Truncate(0); err != nil {
		return fmt.Errorf("noting where the cluster is: %w", err)
	}
	if _, err := c.file.WriteAt([]byte(dataDir), 0); err != nil {
		return fmt.Errorf("noting where the cluster is: %w", err)
	}
	return nil
}

func (c *claim) release() error { return c.file.Close() }
