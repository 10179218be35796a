// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	content "github.com/containerd/containerd/api/services/content/v1"
	store "github.com/containerd/containerd/api/services/images/v1"
	leases "github.com/containerd/containerd/api/services/leases/v1"
	containerdtypes "github.com/containerd/containerd/api/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// namespace is the one in which containerd's CRI service looks for images.
const namespace = "k8s.io"

// Load puts images into the containerd that listens on socket and returns once pods can use them. What is there
// already is left alone.
func Load(ctx context.Context, socket string, images ...Named) (retErr error) {
	conn, err := grpc.NewClient("unix://"+socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return fmt.Errorf("connecting to containerd: %w", err)
	}
	defer func() { retErr = errors.Join(retErr, conn.Close()) }()
	l := loader{
		content: content.NewContentClient(conn),
		images:  store.NewImagesClient(conn),
		cri:     cri.NewImageServiceClient(conn),
	}
	ctx = metadata.AppendToOutgoingContext(ctx, "containerd-namespace", namespace)

	// The lease keeps what we write from containerd's garbage collector until an image refers to it.
	manager := leases.NewLeasesClient(conn)
	lease, err := manager.Create(ctx, &leases.CreateRequest{Labels: map[string]string{
		"containerd.io/gc.expire": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}})
	if err != nil {
		return fmt.Errorf("taking a lease: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		_, _ = manager.Delete(ctx, &leases.DeleteRequest{ID: lease.Lease.ID}) // it expires by itself
	}()
	ctx = metadata.AppendToOutgoingContext(ctx, "containerd-lease", lease.Lease.ID)
	for _, image := range images {
		if err := l.load(ctx, image); err != nil {
			return fmt.Errorf("loading image %s: %w", image.Name, err)
		}
	}
	return nil
}

type loader struct {
	content content.ContentClient
	images  store.ImagesClient
	cri     cri.ImageServiceClient
}

func (l loader) load(ctx context.Context, image Named) error {
	manifest, err := image.Image.Manifest()
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	// Children come first, and the manifest names them as its references.
	references := map[string]string{"containerd.io/gc.ref.content.config": manifest.Config.Digest.String()}
	for i, descriptor := range manifest.Layers {
		layer, err := image.Image.LayerByDigest(descriptor.Digest)
		if err != nil {
			return fmt.Errorf("finding layer %s: %w", descriptor.Digest, err)
		}
		reader, err := layer.Compressed()
		if err != nil {
			return fmt.Errorf("reading layer %s: %w", descriptor.Digest, err)
		}
		err = l.write(ctx, descriptor, reader, nil)
		if err := errors.Join(err, reader.Close()); err != nil {
			return fmt.Errorf("writing layer %s: %w", descriptor.Digest, err)
		}
		references["containerd.io/gc.ref.content.l."+strconv.Itoa(i)] = descriptor.Digest.String()
	}
	config, err := image.Image.RawConfigFile()
	if err != nil {
		return fmt.Errorf("reading the configuration: %w", err)
	}
	if err := l.write(ctx, manifest.Config, bytes.NewReader(config), nil); err != nil {
		return fmt.Errorf("writing the configuration: %w", err)
	}
	raw, err := image.Image.RawManifest()
	if err != nil {
		return fmt.Errorf("reading the manifest: %w", err)
	}
	digest, err := image.Image.Digest()
	if err != nil {
		return fmt.Errorf("computing the digest: %w", err)
	}
	target := v1.Descriptor{MediaType: manifest.MediaType, Digest: digest, Size: int64(len(raw))}
	if err := l.write(ctx, target, bytes.NewReader(raw), references); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	return l.name(ctx, image.Name, target)
}

// name makes the image known by its tag and by its digest, as a pull would, and waits for CRI to notice.
func (l loader) name(ctx context.Context, reference string, target v1.Descriptor) error {
	canonical, err := Canonical(reference)
	if err != nil {
		return err
	}
	repository, err := repository(canonical)
	if err != nil {
		return err
	}
	for _, called := range []string{canonical, repository + "@" + target.Digest.String()} {
		image := &store.Image{
			Name:   called,
			Labels: map[string]string{"io.cri-containerd.image": "managed"},
			Target: &containerdtypes.Descriptor{MediaType: string(target.MediaType), Digest: target.Digest.String(), Size: target.Size},
		}
		_, err := l.images.Create(ctx, &store.CreateImageRequest{Image: image})
		if status.Code(err) == codes.AlreadyExists {
			_, err = l.images.Update(ctx, &store.UpdateImageRequest{Image: image, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"target"}}})
		}
		if err != nil {
			return fmt.Errorf("naming it %s: %w", called, err)
		}
	}
	return l.wait(ctx, canonical, target.Digest.String())
}

// wait returns when CRI, which learns of images from containerd's events, knows reference as digest.
func (l loader) wait(ctx context.Context, reference, digest string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for pause := 5 * time.Millisecond; ; pause *= 2 {
		answer, err := l.cri.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: reference}})
		if err != nil {
			return fmt.Errorf("asking for it: %w", err)
		}
		for _, known := range answer.GetImage().GetRepoDigests() {
			if len(known) >= len(digest) && known[len(known)-len(digest):] == digest {
				return nil
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("waiting until pods can use it: %w", ctx.Err())
		}
	}
}

// write stores one blob; one that is there already is left as it is.
func (l loader) write(ctx context.Context, blob v1.Descriptor, from io.Reader, labels map[string]string) error {
	digest := blob.Digest.String()
	if _, err := l.content.Info(ctx, &content.InfoRequest{Digest: digest}); err == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the stream when we return early
	stream, err := l.content.Write(ctx)
	if err != nil {
		return err
	}
	ref := "coxswain-load-" + digest
	send := func(request *content.WriteContentRequest) error {
		if err := stream.Send(request); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		_, err := stream.Recv() // after io.EOF from Send, this has the reason
		return err
	}
	buffer, offset := make([]byte, 1<<20), int64(0)
	for {
		n, err := io.ReadFull(from, buffer)
		if n > 0 {
			request := &content.WriteContentRequest{Action: content.WriteAction_WRITE, Ref: ref, Total: blob.Size, Expected: digest, Offset: offset, Data: buffer[:n]}
			if err := send(request); err != nil {
				return ignoreExists(err)
			}
			offset += int64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	return ignoreExists(send(&content.WriteContentRequest{
		Action: content.WriteAction_COMMIT, Ref: ref, Total: blob.Size, Expected: digest, Offset: offset, Labels: labels,
	}))
}

func ignoreExists(err error) error {
	if status.Code(err) == codes.AlreadyExists {
		return nil
	}
	return err
}
