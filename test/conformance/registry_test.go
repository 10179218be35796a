// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"coxswain.dev/coxswain/internal/images"
)

func TestRegistryAnswersPulls(t *testing.T) {
	folder := t.TempDir()
	image, err := images.Build(images.Spec{Name: mirrored + "/e2e/thing:1.2", Files: map[string]images.File{"/thing": {Content: []byte("hello"), Mode: 0o755}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(folder, "thing.tar")
	if err := images.Save(file, image); err != nil {
		t.Fatal(err)
	}
	server, err := newRegistry(t.Context(), []string{file})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.close(); err != nil {
			t.Error(err)
		}
	})
	if err := server.serve("127.0.0.1", folder); err != nil {
		t.Fatal(err)
	}
	hosts, err := os.ReadFile(filepath.Join(folder, mirrored, "hosts.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(hosts), server.listener.Addr().String()) {
		t.Errorf("containerd is not told where the registry is:\n%s", hosts)
	}
	base := "http://" + server.listener.Addr().String() + "/v2/e2e/thing/"
	want, err := image.Image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	document := fetch(t, base+"manifests/1.2", want)
	fetch(t, base+"manifests/"+want.String(), want)
	manifest, err := v1.ParseManifest(bytes.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	for _, blob := range append(manifest.Layers, manifest.Config) {
		fetch(t, base+"blobs/"+blob.Digest.String(), blob.Digest)
	}
	for path, status := range map[string]int{
		"/v2/": http.StatusOK, "/v2/e2e/thing/manifests/1.3": http.StatusNotFound, "/v2/e2e/other/manifests/1.2": http.StatusNotFound,
		"/v2/e2e/thing/blobs/sha256:00": http.StatusNotFound, "/": http.StatusNotFound,
	} {
		response, err := http.Get("http://" + server.listener.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != status {
			t.Errorf("%s: got %s, want %d", path, response.Status, status)
		}
	}
}

// fetch gets what is behind url and checks its digest.
func fetch(t *testing.T, url string, want v1.Hash) []byte {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		t.Fatal(err)
	}
	if got, _, err := v1.SHA256(bytes.NewReader(content)); err != nil || got != want {
		t.Errorf("%s: got %v, %v, want %v", url, got, err, want)
	}
	return content
}
