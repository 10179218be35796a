// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodespace

import "path/filepath"

// Space is the namespaces of one node. Get it from Ensure.
type Space struct {
	// New says that Ensure has made them: nothing is in them yet.
	New bool

	dir string
}

// Network is the file behind which the network namespace is.
func (s Space) Network() string { return filepath.Join(s.dir, "net") }

func (s Space) mounts() string { return filepath.Join(s.dir, "mnt") }
