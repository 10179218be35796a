// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// How archives name their images: in full by containerd's annotation; by OCI's in full or only by a tag.
const (
	containerdName = "io.containerd.image.name"
	refName        = "org.opencontainers.image.ref.name"
	referenceType  = "vnd.docker.reference.type" // on what is about an image and is none, such as its provenance
)

const (
	// maxNesting is how deep indexes may refer to indexes.
	maxNesting = 4
	// maxVisits is how many descriptors are followed in one archive: an index may name the same one thousands of times, on
	// each level again.
	maxVisits = 10_000
	// maxIndexes is how many bytes of indexes are read in one archive, each as often as it is named.
	maxIndexes = 64 << 20
)

// resolver follows the indexes of one archive.
type resolver struct {
	index tarIndex
	// visits and bytes are how many descriptors it may still look at, and how much of indexes it may still read.
	visits, bytes int
}

// fromLayout reads the images of an OCI layout: of each, the one for this machine.
func fromLayout(index tarIndex) ([]Named, error) {
	var top v1.IndexManifest
	if err := index.decode("index.json", &top); err != nil {
		return nil, err
	}
	var (
		found   []Named
		foreign []string
	)
	r := resolver{index: index, visits: maxVisits, bytes: maxIndexes}
	for _, descriptor := range top.Manifests {
		images, others, err := r.resolve(descriptor, maxNesting)
		if err != nil {
			return nil, err
		}
		foreign = append(foreign, others...)
		called, err := nameOf(descriptor)
		if err != nil {
			return nil, err
		}
		for _, image := range images {
			found = append(found, Named{Name: called, Image: image})
		}
	}
	if len(found) == 0 && len(foreign) > 0 {
		slices.Sort(foreign)
		return nil, fmt.Errorf("its images are for %s; this machine is linux/%s", strings.Join(slices.Compact(foreign), ", "), runtime.GOARCH)
	}
	return found, nil
}

// nameOf is the canonical name that an index gives an image, empty when it gives none or only a tag.
func nameOf(descriptor v1.Descriptor) (string, error) {
	called := descriptor.Annotations[containerdName]
	if called == "" {
		called = descriptor.Annotations[refName]
		if !strings.ContainsAny(called, ":/") {
			return "", nil
		}
	}
	return Canonical(called)
}

// resolve follows a descriptor to at most one image, and tells for which platforms there are others.
func (r *resolver) resolve(descriptor v1.Descriptor, depth int) (found []v1.Image, foreign []string, err error) {
	if r.visits--; r.visits < 0 {
		return nil, nil, fmt.Errorf("its indexes name more than %d images", maxVisits)
	}
	if descriptor.Annotations[referenceType] != "" || descriptor.Platform != nil && descriptor.Platform.OS == "unknown" {
		return nil, nil, nil
	}
	if !runsHere(descriptor.Platform) {
		return nil, []string{descriptor.Platform.String()}, nil
	}
	switch descriptor.MediaType {
	case types.OCIManifestSchema1, types.DockerManifestSchema2:
		image, platform, err := layoutImage(r.index, descriptor)
		if err != nil {
			return nil, nil, err
		}
		if !runsHere(platform) {
			return nil, []string{platform.String()}, nil
		}
		return []v1.Image{image}, nil, nil
	case types.OCIImageIndex, types.DockerManifestList:
	default:
		return nil, nil, nil // artifacts of other kinds may lie beside images
	}
	if depth == 0 {
		return nil, nil, fmt.Errorf("index %s lies too deep in others", descriptor.Digest)
	}
	raw, err := layoutDocument(r.index, descriptor)
	if err != nil {
		return nil, nil, err
	}
	if r.bytes -= len(raw); r.bytes < 0 {
		return nil, nil, fmt.Errorf("its indexes are longer than %d bytes", maxIndexes)
	}
	var list v1.IndexManifest
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, nil, fmt.Errorf("reading index %s: %w", descriptor.Digest, err)
	}
	for _, child := range list.Manifests {
		images, others, err := r.resolve(child, depth-1)
		if err != nil {
			return nil, nil, err
		}
		foreign = append(foreign, others...)
		if len(images) > 0 {
			return images[:1], nil, nil
		}
	}
	return nil, foreign, nil
}

// layoutImage reads one image's documents and finds its layers.
func layoutImage(index tarIndex, descriptor v1.Descriptor) (v1.Image, *v1.Platform, error) {
	raw, err := layoutDocument(index, descriptor)
	if err != nil {
		return nil, nil, err
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return nil, nil, fmt.Errorf("reading manifest %s: %w", descriptor.Digest, err)
	}
	config, err := layoutDocument(index, manifest.Config)
	if err != nil {
		return nil, nil, err
	}
	var platform v1.Platform
	if err := json.Unmarshal(config, &platform); err != nil {
		return nil, nil, fmt.Errorf("reading configuration %s: %w", manifest.Config.Digest, err)
	}
	image := assembled{mediaType: descriptor.MediaType, manifest: raw, config: config}
	for _, layer := range manifest.Layers {
		at, err := index.find(blobPath(layer.Digest))
		if err != nil {
			return nil, nil, err
		}
		if at.size != layer.Size {
			return nil, nil, fmt.Errorf("layer %s has %d bytes where %d are announced", layer.Digest, at.size, layer.Size)
		}
		image.layers = append(image.layers, section(index.file, at, layer))
	}
	whole, err := partial.CompressedToImage(image)
	return whole, &platform, err
}

// layoutDocument reads a blob of JSON and checks that it is the one that was meant.
func layoutDocument(index tarIndex, descriptor v1.Descriptor) ([]byte, error) {
	raw, err := index.document(blobPath(descriptor.Digest))
	if err != nil {
		return nil, err
	}
	digest, _, err := v1.SHA256(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	if digest != descriptor.Digest {
		return nil, fmt.Errorf("blob %s has the digest %s", descriptor.Digest, digest)
	}
	return raw, nil
}

func blobPath(digest v1.Hash) string { return path.Join("blobs", digest.Algorithm, digest.Hex) }
