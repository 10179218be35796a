// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodespace

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestNamespacesOutliveTheirProcesses(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes namespaces, which needs root")
	}
	folder, elsewhere := filepath.Join(t.TempDir(), "ns"), t.TempDir()
	seen := filepath.Join(elsewhere, "seen")
	if err := os.Mkdir(seen, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("tmpfs", seen, "tmpfs", 0, "size=64k"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(seen, unix.MNT_DETACH) })
	t.Cleanup(func() {
		if err := RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	first, err := Ensure(folder, "one", elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if !first.New {
		t.Error("namespaces that were made are not called new")
	}
	if got := run(t, first, "ls /sys/class/net >/dev/null; cat /proc/net/dev | grep -c :"); got != "1" {
		t.Errorf("got %s network interfaces, want lo alone", got)
	}
	if got := run(t, first, "grep -c "+seen+" /proc/self/mounts"); got != "0" {
		t.Error("what was to be hidden shows")
	}
	run(t, first, "mount -t tmpfs none "+elsewhere+" && touch "+elsewhere+"/mark")
	if _, err := os.Stat(filepath.Join(elsewhere, "mark")); err == nil {
		t.Error("a mount of the node shows outside")
	}

	again, err := Ensure(folder, "one", elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if again.New {
		t.Error("namespaces that were there are called new")
	}
	if got := run(t, again, "ls "+elsewhere); got != "mark" {
		t.Errorf("got %q, want the file that the first process left on a mount of its own", got)
	}
	other, err := Ensure(folder, "two", elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if got := run(t, other, "ls "+elsewhere); got != "seen" {
		t.Errorf("got %q: one node sees the mounts of another", got)
	}
	if run(t, first, "readlink /proc/self/ns/net") == run(t, other, "readlink /proc/self/ns/net") {
		t.Error("two nodes have one network")
	}
	if err := Remove(folder, "one"); err != nil {
		t.Fatal(err)
	}
	if err := Remove(folder, "one"); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
	fresh, err := Ensure(folder, "one", elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if !fresh.New {
		t.Error("removed namespaces came back")
	}
}

func TestHalfMadeNamespacesAreMadeAgain(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("makes namespaces, which needs root")
	}
	folder := filepath.Join(t.TempDir(), "ns")
	t.Cleanup(func() {
		if err := RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if _, err := Ensure(folder, "one"); err != nil {
		t.Fatal(err)
	}
	if err := unix.Unmount(filepath.Join(folder, "one", "mnt"), unix.MNT_DETACH); err != nil {
		t.Fatal(err)
	}
	space, err := Ensure(folder, "one")
	if err != nil {
		t.Fatal(err)
	}
	if !space.New {
		t.Error("half of the namespaces passed for all of them")
	}
}

// run runs a shell script in the space and returns what it prints. A count of 0 makes grep fail; that is no failure here.
func run(t *testing.T, space Space, script string) string {
	t.Helper()
	var out strings.Builder
	command := exec.Command("sh", "-c", script)
	command.Stdout, command.Stderr = &out, &out
	if err := space.Start(command); err != nil {
		t.Fatal(err)
	}
	if err := command.Wait(); err != nil && strings.TrimSpace(out.String()) != "0" {
		t.Fatalf("%s: %v: %s", script, err, out.String())
	}
	return strings.TrimSpace(out.String())
}
