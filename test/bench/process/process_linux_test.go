// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestStopEndsAndAwaits(t *testing.T) {
	p, err := Start(t.TempDir(), "sleeper", "/bin/sh", "-c", "exec sleep 1000")
	if err != nil {
		t.Fatal(err)
	}
	usage, err := Sum(p)
	if err != nil {
		t.Fatal(err)
	}
	if usage.RSS == 0 || usage.PSS > usage.RSS {
		t.Errorf("it uses %+v", usage)
	}
	for range 2 {
		if err := p.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Kill(p.PID(), 0); err == nil {
		t.Error("the process is still there")
	}
}

func TestAwaitTellsWhyAProcessEnded(t *testing.T) {
	p, err := Start(t.TempDir(), "broken", "/bin/sh", "-c", "echo no such flag; exit 3")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	err = p.Await(ctx, time.Millisecond, "an answer", func() bool { return false })
	if err == nil || !strings.Contains(err.Error(), "no such flag") || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("got %v", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stopping what has ended: %v", err)
	}
}

func TestAProgramThatIsNotThereIsAnError(t *testing.T) {
	if _, err := Start(t.TempDir(), "nothing", "/does/not/exist"); err == nil || !strings.HasPrefix(err.Error(), "starting nothing: ") {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat("/does/not/exist"); err == nil {
		t.Fatal("it does exist")
	}
}
