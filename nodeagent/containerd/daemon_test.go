// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package containerd

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"coxswain.dev/coxswain/internal/images"
)

func TestDaemonComesBack(t *testing.T) {
	config := realConfig(t)
	started := time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	done := start(t, ctx, config)
	t.Logf("ready after %v", time.Since(started))

	t.Run("after its death", func(t *testing.T) {
		first := pidOf(t, config)
		if err := syscall.Kill(first, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		eventually(t, "a new containerd", func() bool {
			pid, err := readPID(config)
			return err == nil && pid != first && waitForSocket(t.Context(), config.Socket()) == nil
		})
	})
	t.Run("and stops with its context", func(t *testing.T) {
		pid := pidOf(t, config)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if isOurs(pid, config.configFile()) {
			t.Fatalf("process %d still runs", pid)
		}
	})
	t.Run("and one that was left behind is ended by the next", func(t *testing.T) {
		daemon, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		left, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- daemon.Start(left) }()
		<-daemon.Ready()
		pid := pidOf(t, config)
		if err := Terminate(t.Context(), config); err != nil {
			t.Fatal(err)
		}
		if isOurs(pid, config.configFile()) {
			t.Fatalf("process %d still runs", pid)
		}
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
	})
}

func TestLoadsImagesFromItsFolder(t *testing.T) {
	config := realConfig(t)
	config.ImageDir = filepath.Join(config.Root, "images")
	image, err := images.Build(images.Spec{Name: "coxswain.dev/nothing:v1", Dirs: []string{"/tmp"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := images.Save(filepath.Join(config.ImageDir, "nothing.tar"), image); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := start(t, ctx, config)
	defer func() { cancel(); <-done }()
	// Loading again finds everything there.
	if err := images.Load(ctx, config.Socket(), image); err != nil {
		t.Fatal(err)
	}
}

func realConfig(t *testing.T) Config {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("runs containerd, which needs root")
	}
	if err := Available(); err != nil {
		t.Skip(err)
	}
	dir, err := os.MkdirTemp("/tmp", "cd") // t.TempDir is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	config := Config{Root: dir}
	if err := config.complete(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			log, _ := os.ReadFile(config.LogFile)
			t.Logf("containerd's log:\n%s", log)
		}
	})
	return config
}

func start(t *testing.T, ctx context.Context, config Config) <-chan error {
	t.Helper()
	daemon, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- daemon.Start(ctx) }()
	select {
	case <-daemon.Ready():
	case err := <-done:
		t.Fatalf("ended early: %v", err)
	case <-time.After(30 * time.Second):
		t.Fatal("not ready in time")
	}
	return done
}

func pidOf(t *testing.T, config Config) int {
	t.Helper()
	pid, err := readPID(config)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come in time", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func TestConfigRefusesLongState(t *testing.T) {
	if _, err := New(Config{Root: "/r", State: "/" + strings.Repeat("a", maxState)}); err == nil {
		t.Fatal("a state directory too long for sockets was accepted")
	}
}
