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

// blob is a layer that lies in a file, at some place of it.
type blob struct {
	descriptor v1.Descriptor
	open       func() (io.ReadCloser, error)
}

var _ partial.CompressedLayer = blob{}

func (b blob) Digest() (v1.Hash, error)            { return b.descriptor.Digest, nil }
func (b blob) Compressed() (io.ReadCloser, error)  { return b.open() }
func (b blob) Size() (int64, error)                { return b.descriptor.Size, nil }
func (b blob) MediaType() (types.MediaType, error) { return b.descriptor.MediaType, nil }

// section is a blob that is a part of a larger file.
func section(file io.ReaderAt, at entry, descriptor v1.Descriptor) blob {
	return blob{descriptor: descriptor, open: func() (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(file, at.offset, at.size)), nil
	}}
}

// assembled is an image given by its documents, as bytes whose digests must not change, and its layers.
type assembled struct {
	mediaType        types.MediaType
	manifest, config []byte
	layers           []blob
}

var _ partial.CompressedImageCore = assembled{}

func (a assembled) MediaType() (types.MediaType, error) { return a.mediaType, nil }
func (a assembled) RawManifest() ([]byte, error)        { return a.manifest, nil }
func (a assembled) RawConfigFile() ([]byte, error)      { return a.config, nil }

func (a assembled) LayerByDigest(digest v1.Hash) (partial.CompressedLayer, error) {
	for _, layer := range a.layers {
		if layer.descriptor.Digest == digest {
			return layer, nil
		}
	}
	return nil, fmt.Errorf("the image has no layer %s", digest)
}

// assemble makes the image that has this configuration and these layers. Its manifest is OCI's, whatever the image came
// in, so that one image has one digest.
func assemble(config []byte, layers []blob) (v1.Image, error) {
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
		manifest.Layers = append(manifest.Layers, layer.descriptor)
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		return nil, fmt.Errorf("writing the manifest: %w", err)
	}
	return partial.CompressedToImage(assembled{mediaType: types.OCIManifestSchema1, manifest: raw, config: config, layers: layers})
}
