// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import "syscall"

// dieWithParent makes the kernel end the server when the test binary dies, however it dies.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
