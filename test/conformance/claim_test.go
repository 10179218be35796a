// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"path/filepath"
	"testing"
)

func TestAClaimIsOnePerMachine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "run", "lock")
	first, left, err := takeClaim(file)
	if err != nil || left != "" {
		t.Fatalf("left %q, error %v", left, err)
	}
	if _, _, err := takeClaim(file); err == nil {
		t.Error("two runs hold the claim")
	}
	for _, step := range []func() error{
		func() error { return first.note("/a/very/long/folder") }, func() error { return first.note("/data") }, first.release,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	second, left, err := takeClaim(file)
	if err != nil {
		t.Fatal(err)
	}
	if left != "/data" {
		t.Errorf("left %q, want what the first one noted last", left)
	}
	if err := second.release(); err != nil {
		t.Fatal(err)
	}
}
