// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	content "github.com/containerd/containerd/api/services/content/v1"
	store "github.com/containerd/containerd/api/services/images/v1"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// ErrNotFound says that a node does not have an image.
var ErrNotFound = errors.New("the node has no such image")

// Image reads an image from the node, by its name; ErrNotFound when it is not there. Its layers are read when they are
// asked for, over the node's connection.
func (n *Node) Image(ctx context.Context, called string) (v1.Image, error) {
	canonical, err := Canonical(called)
	if err != nil {
		return nil, err
	}
	ctx = inNamespace(ctx)
	answer, err := n.images.Get(ctx, &store.GetImageRequest{Name: canonical})
	if status.Code(err) == codes.NotFound {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("asking for image %s: %w", canonical, err)
	}
	target := answer.GetImage().GetTarget()
	digest, err := v1.NewHash(target.GetDigest())
	if err != nil {
		return nil, fmt.Errorf("reading the digest of image %s: %w", canonical, err)
	}
	image, err := n.assembled(ctx, v1.Descriptor{MediaType: types.MediaType(target.GetMediaType()), Digest: digest, Size: target.GetSize()}, maxNesting)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", canonical, err)
	}
	return partial.CompressedToImage(image)
}

// assembled reads an image's documents; of an index, those of the image for this machine.
func (n *Node) assembled(ctx context.Context, descriptor v1.Descriptor, depth int) (assembled, error) {
	raw, err := n.document(ctx, descriptor)
	if err != nil {
		return assembled{}, err
	}
	switch descriptor.MediaType {
	case types.OCIImageIndex, types.DockerManifestList:
		var list v1.IndexManifest
		if err := json.Unmarshal(raw, &list); err != nil {
			return assembled{}, fmt.Errorf("reading index %s: %w", descriptor.Digest, err)
		}
		for _, child := range list.Manifests {
			if depth > 0 && runsHere(child.Platform) && child.Annotations[referenceType] == "" {
				return n.assembled(ctx, child, depth-1)
			}
		}
		return assembled{}, errors.New("none of its images is for this machine")
	}
	var manifest v1.Manifest
	if err := json.Unmarshal(raw, &manifest); err != nil {
		return assembled{}, fmt.Errorf("reading manifest %s: %w", descriptor.Digest, err)
	}
	config, err := n.document(ctx, manifest.Config)
	if err != nil {
		return assembled{}, err
	}
	image := assembled{mediaType: descriptor.MediaType, manifest: raw, config: config}
	for _, layer := range manifest.Layers {
		image.layers = append(image.layers, Blob{Descriptor: layer, Open: func() (io.ReadCloser, error) { return n.read(ctx, layer.Digest) }})
	}
	return image, nil
}

func (n *Node) document(ctx context.Context, descriptor v1.Descriptor) ([]byte, error) {
	if descriptor.Size > maxDocument {
		return nil, fmt.Errorf("%s has %d bytes, too many for what it should be", descriptor.Digest, descriptor.Size)
	}
	reader, err := n.read(ctx, descriptor.Digest)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(reader)
	return data, errors.Join(err, reader.Close())
}

// read streams a blob from the node.
func (n *Node) read(ctx context.Context, digest v1.Hash) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	stream, err := n.content.Read(ctx, &content.ReadContentRequest{Digest: digest.String()})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("reading %s: %w", digest, plainly(err))
	}
	return &blobReader{stream: stream, cancel: cancel}, nil
}

// blobReader makes a stream of messages one of bytes.
type blobReader struct {
	stream content.Content_ReadClient
	cancel context.CancelFunc
	rest   bytes.Reader
}

func (r *blobReader) Read(into []byte) (int, error) {
	for r.rest.Len() == 0 {
		message, err := r.stream.Recv() // io.EOF at the end
		if err != nil {
			return 0, plainly(err)
		}
		r.rest.Reset(message.GetData())
	}
	return r.rest.Read(into)
}

func (r *blobReader) Close() error {
	r.cancel()
	return nil
}
