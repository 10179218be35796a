// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package kubeconfig

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"coxswain.dev/coxswain/internal/pki"
)

// FuzzChange puts an entry into anything that may be a kubeconfig and takes it out again: an error and an untouched file,
// or a file that can be read, and never a panic.
func FuzzChange(f *testing.F) {
	for _, text := range []string{
		"", "apiVersion: v1\nkind: Config\n", "apiVersion: v1\nkind: Config\ncontexts: [{name: x, context: null}, null]\nclusters: null\nusers: [{}]\n",
		"apiVersion: v1\nkind: Config\ncontexts: [{name: coxswain, context: {cluster: a, user: b}}]\ncurrent-context: coxswain\n", "{", "[]", "a: &a [*a]\n",
		"apiVersion: v1\nkind: Config\nusers: [{name: a, user: {exec: {command: x, env: null}, auth-provider: {config: null}}}]\npreferences: {extensions: [{name: e}]}\n",
	} {
		f.Add([]byte(text))
	}
	dir := f.TempDir()
	certs, err := pki.Ensure(filepath.Join(dir, "pki"), nil, time.Now())
	if err != nil {
		f.Fatal(err)
	}
	entry := Entry{Name: "coxswain", Server: "https://127.0.0.1:1", CA: certs.CA.CertPEM(), Client: certs.Admin}
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(dir, "config")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		_ = Remove(file, "coxswain") // may be no kubeconfig
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := Merge(file, entry); err != nil {
			after, err := os.ReadFile(file)
			if err != nil || string(before) != string(after) {
				t.Errorf("a file that cannot be changed was changed (%v)", err)
			}
			return
		}
		if err := Remove(file, "coxswain"); err != nil {
			t.Errorf("the entry does not go again: %v", err)
		}
	})
}
