// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"coxswain.dev/coxswain/internal/images"
)

// begin is what a stage begins with: nothing, another stage, or an image from elsewhere.
func (b *build) begin(ctx context.Context, s *stage) (*image, error) {
	if s.base == "scratch" {
		return &image{tree: newTree(), config: v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH, RootFS: v1.RootFS{Type: "layers"}}}, nil
	}
	for i, other := range b.stages {
		if other == s {
			if before := b.find(s.base, i); before != nil && before.name != "" && strings.EqualFold(before.name, s.base) {
				built, err := b.stage(ctx, before)
				if err != nil {
					return nil, err
				}
				return built.clone(), nil
			}
		}
	}
	base, err := b.base(ctx, s.base)
	if err != nil {
		return nil, b.fail(s.from, err)
	}
	if len(base.config.Config.OnBuild) > 0 {
		return nil, b.fail(s.from, fmt.Errorf("image %s has ONBUILD instructions, which are not supported", s.base))
	}
	return base.clone(), nil
}

// base gets an image from elsewhere, once.
func (b *build) base(ctx context.Context, name string) (*image, error) {
	canonical, err := images.Canonical(name)
	if err != nil {
		return nil, err
	}
	if known := b.bases[canonical]; known != nil {
		return known, nil
	}
	if b.Base == nil {
		return nil, ErrNoBase
	}
	found, err := b.Base(ctx, canonical)
	if errors.Is(err, ErrNoBase) {
		return nil, fmt.Errorf("no image %q is on a node or in an archive given with --base; put it there with `coxswain images load FILE`", name)
	}
	if err != nil {
		return nil, err
	}
	base, err := b.bring(ctx, found)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", name, err)
	}
	b.bases[canonical] = base
	return base, nil
}

// bring reads what is in an image.
func (b *build) bring(ctx context.Context, from v1.Image) (*image, error) {
	config, err := from.ConfigFile()
	if err != nil {
		return nil, err
	}
	blobs, err := images.Layers(from)
	if err != nil {
		return nil, err
	}
	if len(blobs) != len(config.RootFS.DiffIDs) {
		return nil, fmt.Errorf("its configuration names %d layers, its manifest %d", len(config.RootFS.DiffIDs), len(blobs))
	}
	base := &image{config: *config.DeepCopy(), tree: newTree()}
	for i, blob := range blobs {
		blob.Descriptor.MediaType = ociType(blob.Descriptor.MediaType)
		next := &layer{blob: blob, diffID: config.RootFS.DiffIDs[i]}
		b.opened = append(b.opened, next)
		if err := base.tree.add(ctx, next); err != nil {
			return nil, err
		}
		base.layers = append(base.layers, next)
	}
	return base, nil
}

// ociType is the name that OCI has for a layer's format: the finished image is OCI's, whatever its base is.
func ociType(of types.MediaType) types.MediaType {
	switch of {
	case types.DockerLayer:
		return types.OCILayer
	case types.DockerUncompressedLayer:
		return types.OCIUncompressedLayer
	}
	return of
}
