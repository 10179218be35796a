// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os/exec"
	"syscall"
)

// ownGroup keeps a terminal's interrupt, which is for us, away from the process, and lets it die with us: a suite that
// goes on after its runner was killed would disturb the cluster of the next run.
func ownGroup(command *exec.Cmd) {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// killGroup ends what the process has left behind.
func killGroup(command *exec.Cmd) {
	_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL) // mostly there is nothing left
}

// settleDisk waits until what was written is on disk. Images that are still being written hold up etcd's own writes for
// seconds, and the first tests fail with "request timed out".
func settleDisk() { syscall.Sync() }
