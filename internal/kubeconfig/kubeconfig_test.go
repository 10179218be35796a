// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package kubeconfig

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/client-go/tools/clientcmd"

	"coxswain.dev/coxswain/internal/pki"
)

func entry(t *testing.T, name string) Entry {
	t.Helper()
	certs, err := pki.Ensure(t.TempDir(), nil, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC))
	if err != nil {
		t.Fatal(err)
	}
	return Entry{Name: name, Server: "https://127.0.0.1:6443", CA: certs.CA.CertPEM(), Client: certs.Admin}
}

func TestMergeAndRemoveLeaveTheRestAlone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kube", "config")
	if err := Merge(file, entry(t, "other")); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := Merge(file, entry(t, "coxswain")); err != nil {
		t.Fatal(err)
	}
	config, err := clientcmd.LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if config.CurrentContext != "coxswain" || len(config.Contexts) != 2 {
		t.Errorf("after the merge: current %q, %d contexts", config.CurrentContext, len(config.Contexts))
	}
	if err := Remove(file, "coxswain"); err != nil {
		t.Fatal(err)
	}
	config, err = clientcmd.LoadFromFile(file)
	if err != nil {
		t.Fatal(err)
	}
	config.CurrentContext = "other"
	after, err := clientcmd.Write(*config)
	if err != nil {
		t.Fatal(err)
	}
	if string(after) != string(before) {
		t.Errorf("the file changed:\n%s\n%s", before, after)
	}
}

func TestUnreadableFileIsLeftUntouched(t *testing.T) {
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("clusters: {"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Merge(file, entry(t, "coxswain")); err == nil {
		t.Error("garbage was accepted")
	}
	data, err := os.ReadFile(file)
	if err != nil || string(data) != "clusters: {" {
		t.Errorf("the file is now %q (%v)", data, err)
	}
}
