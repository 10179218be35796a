// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"coxswain.dev/coxswain/internal/images"
)

func TestReadRootKeepsLinksAndSpecialModes(t *testing.T) {
	folder := t.TempDir()
	program := filepath.Join(folder, "usr", "bin", "su")
	if err := os.MkdirAll(filepath.Dir(program), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, []byte("su"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(program, 0o755|os.ModeSetuid); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("usr/bin", filepath.Join(folder, "bin")); err != nil {
		t.Fatal(err)
	}
	got, err := readRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"/bin": "usr/bin"}, got.links); diff != "" {
		t.Errorf("links (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]images.File{"/usr/bin/su": {Content: []byte("su"), Mode: 0o4755}}, got.files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}
