// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import "syscall"

// attributes give a child its own process group, so that a Ctrl-C reaches it through Stop and in our order, and make the
// kernel end it when the benchmark dies, however it dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
