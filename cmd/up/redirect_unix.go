// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package up

import (
	"os"

	"golang.org/x/sys/unix"
)

// redirect points standard output and error at file. On failure they stay where they were, which loses lines but
// nothing else.
func redirect(file *os.File) {
	_ = unix.Dup2(int(file.Fd()), 1)
	_ = unix.Dup2(int(file.Fd()), 2)
}
