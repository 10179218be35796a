// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package volumes

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	write := func(files map[string]File) bool {
		t.Helper()
		changed, err := Write(dir, files, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]string{}
		for name := range files {
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			got[name] = string(content)
		}
		want := map[string]string{}
		for name, file := range files {
			want[name] = string(file.Content)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		return changed
	}
	file := func(text string) File { return File{Content: []byte(text), Mode: 0o640} }
	if !write(map[string]File{"a": file("1"), "deep/down/b": file("2")}) {
		t.Error("the first write changed nothing")
	}
	if write(map[string]File{"a": file("1"), "deep/down/b": file("2")}) {
		t.Error("the same again changed something")
	}
	before, err := os.Readlink(filepath.Join(dir, dataLink))
	if err != nil {
		t.Fatal(err)
	}
	// A reader that has the folder open goes on seeing the old files until it looks again.
	if !write(map[string]File{"a": file("3"), "c": file("4")}) {
		t.Error("a change changed nothing")
	}
	if after, _ := os.Readlink(filepath.Join(dir, dataLink)); after == before {
		t.Error("the change was not made by a new version")
	}
	if info, err := os.Stat(filepath.Join(dir, "a")); err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode is %v (%v)", info.Mode(), err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		if name := entry.Name(); name != "a" && name != "c" && name != dataLink {
			names = append(names, name)
		}
	}
	if len(names) != 1 { // the one version
		t.Errorf("left behind: %v", names)
	}
	if !write(map[string]File{}) {
		t.Error("emptying changed nothing")
	}
}

func TestWriteFinishesWhatACrashLeft(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, versions+"half"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(versions+"half", filepath.Join(dir, newDataLink)); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(dir, map[string]File{"a": {Content: []byte("1"), Mode: 0o644}}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, versions+"half")); !os.IsNotExist(err) {
		t.Errorf("half a version stayed: %v", err)
	}
}
