// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package containerd

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/zstd"
)

// carried is a binary with one program.
func carried(t *testing.T, content string) fstest.MapFS {
	t.Helper()
	encoder, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(content))
	return fstest.MapFS{
		"assets/tool.zst":        {Data: encoder.EncodeAll([]byte(content), nil)},
		"assets/manifest.sha256": {Data: []byte(hex.EncodeToString(sum[:]) + "  tool\n")},
	}
}

func TestUnpack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "bin")
	tool := filepath.Join(dir, "tool")
	expect := func(want string) {
		t.Helper()
		if got, err := os.ReadFile(tool); err != nil || string(got) != want {
			t.Fatalf("tool is %q (%v), want %q", got, err, want)
		}
	}
	if err := unpack(fstest.MapFS{}, dir); !errors.Is(err, ErrNoAssets) {
		t.Errorf("without assets: %v", err)
	}
	if err := unpack(carried(t, "one"), dir); err != nil {
		t.Fatal(err)
	}
	expect("one")
	if info, err := os.Stat(tool); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("mode is %v (%v)", info.Mode(), err)
	}
	// The same build touches nothing.
	before, _ := os.Stat(tool)
	if err := unpack(carried(t, "one"), dir); err != nil {
		t.Fatal(err)
	}
	if after, _ := os.Stat(tool); !os.SameFile(before, after) {
		t.Error("unpacked again")
	}
	// Another build replaces the file, and does not write into it: it may be running.
	if err := unpack(carried(t, "two"), dir); err != nil {
		t.Fatal(err)
	}
	expect("two")
	if after, _ := os.Stat(tool); os.SameFile(before, after) {
		t.Error("the file was overwritten in place")
	}
	// A damaged build leaves what was there.
	broken := carried(t, "three")
	broken["assets/manifest.sha256"].Data = []byte(strings.Repeat("0", 64) + "  tool\n")
	if err := unpack(broken, dir); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a wrong checksum: %v", err)
	}
	expect("two")
	// A program that somebody removed comes back.
	if err := os.Remove(tool); err != nil {
		t.Fatal(err)
	}
	if err := unpack(carried(t, "two"), dir); err != nil {
		t.Fatal(err)
	}
	expect("two")
}

func TestConfigNamesEverythingOfItsOwn(t *testing.T) {
	config := Config{Root: "/r", State: "/s", RegistryDir: "/reg"}
	if err := config.complete(); err != nil {
		t.Fatal(err)
	}
	raw, err := config.render(true)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`root = "/r/root"`, `state = "/s/state"`, `address = "/s/c.sock"`, `socket_dir = "/s/s"`, `runtime_path = "/r/bin/containerd-shim-runc-v2"`,
		`BinaryName = "/r/bin/runc"`, `conf_dir = "/r/cni"`, `bin_dirs = ["/r/bin"]`, `sandbox = "coxswain.dev/pause:1"`,
		"restrict_oom_score_adj = true", `config_path = "/reg"`,
	} {
		if !strings.Contains(string(raw), want) {
			t.Errorf("%s is missing", want)
		}
	}
	for _, foreign := range []string{"/run/containerd", "/var/lib", "/etc/", "/opt/"} {
		if strings.Contains(string(raw), foreign) {
			t.Errorf("%s is somebody else's", foreign)
		}
	}
}
