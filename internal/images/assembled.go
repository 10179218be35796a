// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// Blob is a part of an image: what it is, and where its bytes come from, as often as they are asked for.
type Blob struct {
	Descriptor v1.Descriptor
	Open       func() (io.ReadCloser, error)
}

var _ partial.CompressedLayer = Blob{}

func (b Blob) Digest() (v1.Hash, error)            { return b.Descriptor.Digest, nil }
func (b Blob) Compressed() (io.ReadCloser, error)  { return b.Open() }
func (b Blob) Size() (int64, error)                { return b.Descriptor.Size, nil }
func (b Blob) MediaType() (types.MediaType, error) { return b.Descriptor.MediaType, nil }

// section is a blob that is a part of a larger file.
func section(file io.ReaderAt, at entry, descriptor v1.Descriptor) Blob {
	return Blob{Descriptor: descriptor, Open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(file, at.offset, at.size)), nil
	}}
}

// assembled is an image given by its documents, as bytes whose digests must not change, and its layers.
type assembled struct {
	mediaType        types.MediaType
	manifest, config []byte
	layers           []Blob
}

var _ partial.CompressedImageCore = assembled{}

func (a assembled) MediaType() (types.MediaType, error) { return a.mediaType, nil }
func (a assembled) RawManifest() ([]byte, error)        { return a.manifest, nil }
func (a assembled) RawConfigFile() ([]byte, error)      { return a.config, nil }

func (a assembled) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	for _, layer := range a.layers {
		if layer.Descriptor.Digest == digest {
			return layer, nil
		}
	}
	return nil, fmt.Errorf("the image has no layer %s", digest)
}

// Assemble makes the image that has this configuration and these layers. Its manifest is OCI's, whatever the image came
// in, so that one image has one digest.
func Assemble(config []byte, layers []Blob) (v1.Image, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(config))
	if err != nil {
		return nil, fmt.Errorf("computing the digest of the configuration: %w", err)
	}
	manifest := v1.Manifest{
		SchemaVersion: 2,
		MediaType:     types.OCIManifestSchema1,
		Config:        v1.Descriptor{MediaType: types.OCIConfigJSON, Size: size, Digest: digest},
		Layers:        []v1.Descriptor{},
	}
	for _, layer := range layers {
		manifest.Layers = append(manifest.Layers, layer.Descriptor)
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	return partial.CompressedToImage(assembled{mediaType: types.OCIManifestSchema1, manifest: raw, config: config, layers: layers})
}

// AssembleConfig is Assemble for a configuration that is not written yet.
func AssembleConfig(config *v1.ConfigFile, layers []Blob) (v1.Image, error) {
	raw, err := json.Marshal(config)
	if err != nil {
		return nil, fmt.Errorf("writing the configuration: %w", err)
	}
	return Assemble(raw, layers)
}
