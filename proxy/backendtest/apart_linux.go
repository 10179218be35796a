// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// apartEnv tells a child of Apart that it is one.
const apartEnv = "COXSWAIN_TEST_APART"

// Apart runs the calling test again in a child process with a network
// namespace of its own, for parts whose goroutines all have to live in there.
// It returns true in the child; the parent reports the child's outcome and has
// nothing more to do.
func Apart(t *testing.T) bool {
	t.Helper()
	if os.Getenv(apartEnv) == t.Name() {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("skipped: making network namespaces needs root")
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v", "-test.count=1")
	child.Env = append(os.Environ(), apartEnv+"="+t.Name())
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	output, err := child.CombinedOutput()
	t.Logf("in a network namespace of its own:\n%s", output)
	if err != nil {
		t.Errorf("the child process: %v", err)
	}
	return false
}
