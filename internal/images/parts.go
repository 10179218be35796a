// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"fmt"
	"io"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// partsOf is all that an image is made of, in the order in which it may be stored: its layers, its configuration, and
// at last its manifest, which refers to them.
func partsOf(image v1.Image) ([]Blob, error) {
	manifest, err := image.Manifest()
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	var parts []Blob
	for _, descriptor := range manifest.Layers {
		layer, err := image.LayerByDigest(descriptor.Digest)
		if err != nil {
			return nil, fmt.Errorf("finding layer %s: %w", descriptor.Digest, err)
		}
		parts = append(parts, Blob{Descriptor: descriptor, Open: layer.Compressed})
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return nil, fmt.Errorf("reading the configuration: %w", err)
	}
	raw, err := image.RawManifest()
	if err != nil {
		return nil, fmt.Errorf("reading the manifest: %w", err)
	}
	digest, size, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("computing the digest: %w", err)
	}
	return append(parts,
		memory(manifest.Config, config),
		memory(v1.Descriptor{MediaType: manifest.MediaType, Digest: digest, Size: size}, raw),
	), nil
}

// Layers is the layers of an image, the lowest first.
func Layers(image v1.Image) ([]Blob, error) {
	parts, err := partsOf(image)
	if err != nil {
		return nil, err
	}
	return parts[:len(parts)-2], nil
}

// memory is a blob that is held as bytes.
func memory(descriptor v1.Descriptor, data []byte) Blob {
	return Blob{Descriptor: descriptor, Open: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), nil }}
}

// Size is how many bytes an image has, as it is sent to a node.
func Size(image v1.Image) (int64, error) {
	parts, err := partsOf(image)
	if err != nil {
		return 0, err
	}
	sum := int64(0)
	for _, part := range parts {
		sum += part.Descriptor.Size
	}
	return sum, nil
}
