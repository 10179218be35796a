// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package instance

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLockIsHeldOnce(t *testing.T) {
	dir := Dir(filepath.Join(t.TempDir(), "data"))
	unlock, err := dir.Lock()
	if err != nil {
		t.Fatal(err)
	}
	_, err = dir.Lock()
	var inUse *InUseError
	if !errors.As(err, &inUse) || inUse.PID != os.Getpid() {
		t.Errorf("second lock: got %v, want the directory in use by this process", err)
	}
	if pid, err := dir.Holder(); err != nil || pid != os.Getpid() {
		t.Errorf("holder: got %d, %v", pid, err)
	}
	unlock()
	if pid, err := dir.Holder(); err != nil || pid != 0 {
		t.Errorf("holder of a free directory: got %d, %v", pid, err)
	}
	unlock, err = dir.Lock()
	if err != nil {
		t.Fatalf("locking again: %v", err)
	}
	unlock()
}

func TestRecordSurvives(t *testing.T) {
	dir := Dir(t.TempDir())
	if _, err := dir.Load(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no record yet: got %v", err)
	}
	want := Record{Name: "a", RunDir: "/run/a", Server: "https://127.0.0.1:1"}
	if err := dir.Save(want); err != nil {
		t.Fatal(err)
	}
	got, err := dir.Load()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnusableDirectoryIsSaidInOneLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Dir(filepath.Join(file, "data")).Lock()
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("got %v", err)
	}
}

func TestPrefixesFitInterfaceNames(t *testing.T) {
	if got := Prefix("coxswain"); got != "cox" {
		t.Errorf("default: got %s", got)
	}
	if a, b := Prefix("a"), Prefix("b"); a == b || len(a+"-nodes") > 15 {
		t.Errorf("got %s and %s", a, b)
	}
}
