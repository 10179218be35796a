// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Save writes images into a tar file, whole or not at all. It is an OCI layout, which keeps their digests, with the
// manifest.json beside it that docker load looks for. The same images give the same file.
func Save(file string, images ...Named) (retErr error) {
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return fmt.Errorf("making the folder of %s: %w", file, err)
	}
	temporary, err := os.CreateTemp(filepath.Dir(file), ".saving-*")
	if err != nil {
		return fmt.Errorf("saving images: %w", err)
	}
	defer func() {
		if retErr != nil {
			_ = temporary.Close()
			_ = os.Remove(temporary.Name())
		}
	}()
	writer := archiver{tar: tar.NewWriter(temporary), written: map[string]bool{}}
	if err := writer.all(images); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	// CreateTemp lets only the owner read.
	if err := errors.Join(temporary.Chmod(0o644), temporary.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", file, err)
	}
	if err := os.Rename(temporary.Name(), file); err != nil {
		return fmt.Errorf("renaming to %s: %w", file, err)
	}
	return nil
}

// archiver writes an archive; what several images have in common is written once.
type archiver struct {
	tar     *tar.Writer
	written map[string]bool
}

func (a archiver) all(images []Named) error {
	top := v1.IndexManifest{SchemaVersion: 2, MediaType: types.OCIImageIndex, Manifests: []v1.Descriptor{}}
	var entries []dockerEntry
	for _, image := range images {
		called, err := Canonical(image.Name)
		if err != nil {
			return err
		}
		descriptor, entry, err := a.image(image.Image)
		if err != nil {
			return fmt.Errorf("image %s: %w", image.Name, err)
		}
		descriptor.Annotations = map[string]string{containerdName: called, refName: called}
		entry.RepoTags = []string{called}
		top.Manifests = append(top.Manifests, descriptor)
		entries = append(entries, entry)
	}
	for _, document := range []struct {
		name    string
		content any
	}{
		{"oci-layout", map[string]string{"imageLayoutVersion": "1.0.0"}},
		{"index.json", top},
		{"manifest.json", entries},
	} {
		data, err := json.Marshal(document.content)
		if err != nil {
			return err
		}
		if err := a.file(document.name, int64(len(data)), bytes.NewReader(data)); err != nil {
			return err
		}
	}
	return a.tar.Close()
}

// image writes the blobs of an image and returns how the two formats refer to them.
func (a archiver) image(image v1.Image) (v1.Descriptor, dockerEntry, error) {
	var entry dockerEntry
	parts, err := partsOf(image)
	if err != nil {
		return v1.Descriptor{}, entry, err
	}
	for _, part := range parts {
		content, err := part.Open()
		if err != nil {
			return v1.Descriptor{}, entry, err
		}
		err = a.file(blobPath(part.Descriptor.Digest), part.Descriptor.Size, content)
		if err := errors.Join(err, content.Close()); err != nil {
			return v1.Descriptor{}, entry, err
		}
	}
	manifest := parts[len(parts)-1]
	config := parts[len(parts)-2]
	entry.Config = blobPath(config.Descriptor.Digest)
	entry.Layers = []string{}
	for _, layer := range parts[:len(parts)-2] {
		entry.Layers = append(entry.Layers, blobPath(layer.Descriptor.Digest))
	}
	return manifest.Descriptor, entry, nil
}

func (a archiver) file(name string, size int64, content io.Reader) error {
	if a.written[name] {
		return nil
	}
	a.written[name] = true
	header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o644, Size: size, ModTime: epoch, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(header); err != nil {
		return err
	}
	if _, err := io.Copy(a.tar, content); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return nil
}
