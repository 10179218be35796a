// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// dockerEntry is one image in the manifest.json of docker save.
type dockerEntry struct {
	Config   string
	RepoTags []string
	Layers   []string
}

// fromDocker reads the images of an archive in Docker's own format, which has no manifests: they are made here.
func fromDocker(index tarIndex) ([]Named, error) {
	var entries []dockerEntry
	if err := index.decode("manifest.json", &entries); err != nil {
		return nil, err
	}
	var found []Named
	for _, entry := range entries {
		image, err := dockerImage(index, entry)
		if err != nil {
			return nil, err
		}
		if len(entry.RepoTags) == 0 {
			found = append(found, Named{Image: image})
		}
		for _, tag := range entry.RepoTags {
			called, err := Canonical(tag)
			if err != nil {
				return nil, err
			}
			found = append(found, Named{Name: called, Image: image})
		}
	}
	return found, nil
}

func dockerImage(index tarIndex, entry dockerEntry) (v1.Image, error) {
	raw, err := index.document(entry.Config)
	if err != nil {
		return nil, err
	}
	var config v1.ConfigFile
	if err := json.Unmarshal(raw, &config); err != nil {
		return nil, fmt.Errorf("reading %s: %w", entry.Config, err)
	}
	if platform := config.Platform(); !runsHere(platform) {
		return nil, fmt.Errorf("image %v is for %s; this machine is linux/%s", entry.RepoTags, platform, runtime.GOARCH)
	}
	if len(config.RootFS.DiffIDs) != len(entry.Layers) {
		return nil, fmt.Errorf("%s names %d layers, manifest.json %d", entry.Config, len(config.RootFS.DiffIDs), len(entry.Layers))
	}
	var layers []Blob
	for i, name := range entry.Layers {
		layer, err := dockerLayer(index, name, config.RootFS.DiffIDs[i])
		if err != nil {
			return nil, err
		}
		layers = append(layers, layer)
	}
	return Assemble(raw, layers)
}

// dockerLayer finds a layer and its digest. That of a plain one is written in the configuration; a compressed one has to
// be read for it, once.
func dockerLayer(index tarIndex, name string, diffID v1.Hash) (Blob, error) {
	at, err := index.find(name)
	if err != nil {
		return Blob{}, err
	}
	magic := make([]byte, 4)
	if _, err := index.file.ReadAt(magic, at.offset); err != nil && !errors.Is(err, io.EOF) {
		return Blob{}, fmt.Errorf("reading %s: %w", name, err)
	}
	descriptor := v1.Descriptor{MediaType: types.OCIUncompressedLayer, Digest: diffID, Size: at.size}
	switch {
	case bytes.HasPrefix(magic, gzipMagic):
		descriptor.MediaType = types.OCILayer
	case bytes.HasPrefix(magic, zstdMagic):
		descriptor.MediaType = types.OCILayerZStd
	default:
		return section(index.file, at, descriptor), nil
	}
	if descriptor.Digest, _, err = v1.SHA256(io.NewSectionReader(index.file, at.offset, at.size)); err != nil {
		return Blob{}, fmt.Errorf("reading %s: %w", name, err)
	}
	return section(index.file, at, descriptor), nil
}
