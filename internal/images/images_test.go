// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func spec() Spec {
	return Spec{
		Name: "coxswain.dev/tool:v1", Files: map[string]File{"/bin/tool": {Content: []byte("program"), Mode: 0o755}, "/etc/passwd": {Content: []byte("root"), Mode: 0o644}},
		Links: map[string]string{"/bin/other": "/bin/tool"}, Dirs: []string{"/tmp"}, Entrypoint: []string{"/bin/tool"}, User: "1:1", ExposedPorts: []string{"80/tcp"},
	}
}

func TestBuildIsReproducible(t *testing.T) {
	var digests []string
	for range 2 {
		image, err := Build(spec())
		if err != nil {
			t.Fatal(err)
		}
		digest, err := image.Image.Digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, digest.String())
	}
	if digests[0] != digests[1] {
		t.Errorf("digests differ: %v", digests)
	}
}

func TestSavedImagesAreReadBackAsTheyWere(t *testing.T) {
	made, err := Build(spec())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "deep", "images.tar")
	if err := Save(file, made); err != nil {
		t.Fatal(err)
	}
	archive, err := Open(t.Context(), file, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = archive.Close() }()
	read := archive.Images
	if len(read) != 1 || read[0].Name != "coxswain.dev/tool:v1" {
		t.Fatalf("read %+v", read)
	}
	config, err := read[0].Image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"/bin/tool"}, config.Config.Entrypoint); diff != "" || config.Config.User != "1:1" || config.OS != "linux" {
		t.Errorf("configuration is %+v", config.Config)
	}
	layers, err := read[0].Image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	content, err := layers[0].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = content.Close() }()
	got := map[string]int64{}
	for archive := tar.NewReader(content); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got[header.Name] = header.Mode
	}
	want := map[string]int64{"bin/": 0o755, "bin/tool": 0o755, "bin/other": 0o777, "etc/": 0o755, "etc/passwd": 0o644, "tmp/": 0o1777}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRefused(t *testing.T) {
	unclean, unnamed := spec(), spec()
	unclean.Files = map[string]File{"bin/tool": {}}
	unnamed.Name = "tool" // no tag
	for name, s := range map[string]Spec{"a path that is not absolute": unclean, "a name without a tag": unnamed} {
		if _, err := Build(s); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
	if _, err := Open(t.Context(), filepath.Join(t.TempDir(), "none.tar"), ""); err == nil {
		t.Error("a missing file was read")
	}
}
