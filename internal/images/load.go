// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	content "github.com/containerd/containerd/api/services/content/v1"
	store "github.com/containerd/containerd/api/services/images/v1"
	leases "github.com/containerd/containerd/api/services/leases/v1"
	containerdtypes "github.com/containerd/containerd/api/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

const (
	// leaseTime bounds how long what we wrote is kept when we are killed before it became an image.
	leaseTime = time.Hour
	// cleanUpTime is what taking back an interrupted load may take.
	cleanUpTime = 5 * time.Second
	// chunk is how much of a layer goes into one message; containerd takes up to 16 MiB.
	chunk = 1 << 20
)

// Load puts images into the containerd that listens on socket and returns once pods can use them. What is there
// already is left alone.
func Load(ctx context.Context, socket string, images ...Named) (retErr error) {
	node, err := Connect(Target{Socket: socket})
	if err != nil {
		return err
	}
	defer func() { retErr = errors.Join(retErr, node.Close()) }()
	for _, image := range images {
		if err := node.Load(ctx, image, nil); err != nil {
			return fmt.Errorf("loading image %s: %w", image.Name, err)
		}
	}
	return nil
}

// Load puts an image into the node and returns once pods can use it. Whatever the node has of it is not sent; sent is
// called with the number of bytes as they go, and may be nil. When Load fails, nothing half-written stays.
func (n *Node) Load(ctx context.Context, image Named, sent func(int64)) (retErr error) {
	parts, err := partsOf(image.Image)
	if err != nil {
		return err
	}
	called, err := Canonical(image.Name)
	if err != nil {
		return err
	}
	ctx, l, release, err := n.begin(ctx)
	if err != nil {
		return err
	}
	l.sent = sent
	defer func() {
		if err := release(retErr != nil); retErr != nil {
			retErr = errors.Join(retErr, err)
		}
	}()
	last := len(parts) - 1
	references := map[string]string{} // what the manifest keeps from the collector
	for i, part := range parts[:last] {
		if err := l.store(ctx, part, nil); err != nil {
			return fmt.Errorf("writing %s: %w", part.Descriptor.Digest, err)
		}
		key := "containerd.io/gc.ref.content.l." + strconv.Itoa(i)
		if i == last-1 {
			key = "containerd.io/gc.ref.content.config"
		}
		references[key] = part.Descriptor.Digest.String()
	}
	if err := l.store(ctx, parts[last], references); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	return n.name(ctx, called, parts[last].Descriptor)
}

// load is one image on its way into one node.
type load struct {
	*Node
	lease string
	sent  func(int64)
}

// store writes one blob, or takes it into the lease if it is there already, with the labels in either case.
func (l load) store(ctx context.Context, part Blob, labels map[string]string) error {
	digest := part.Descriptor.Digest.String()
	// Leased first, looked for second: so the collector can't take it away in between.
	_, err := l.leases.AddResource(ctx, &leases.AddResourceRequest{ID: l.lease, Resource: &leases.Resource{ID: digest, Type: "content"}})
	if err != nil {
		return fmt.Errorf("leasing it: %w", err)
	}
	_, err = l.content.Info(ctx, &content.InfoRequest{Digest: digest})
	if status.Code(err) == codes.NotFound {
		if err = l.write(ctx, part, labels); err == nil {
			return nil
		}
	}
	if err != nil && status.Code(err) != codes.AlreadyExists {
		return err
	}
	if len(labels) == 0 {
		return nil
	}
	var paths []string
	for label := range labels {
		paths = append(paths, "labels."+label)
	}
	_, err = l.content.Update(ctx, &content.UpdateRequest{
		Info: &content.Info{Digest: digest, Labels: labels}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths},
	})
	return err
}

// write sends one blob. containerd checks its digest, and keeps nothing of one that does not come whole.
func (l load) write(ctx context.Context, part Blob, labels map[string]string) (retErr error) {
	digest, total := part.Descriptor.Digest.String(), part.Descriptor.Size
	from, err := part.Open()
	if err != nil {
		return err
	}
	defer func() { _ = from.Close() }() // only read from
	streaming, cancel := context.WithCancel(ctx)
	stream, err := l.content.Write(streaming)
	if err != nil {
		cancel()
		return plainly(err)
	}
	ref := l.lease + "-" + digest // of this load alone: another one may send the same at the same time
	defer func() {
		cancel() // ends the stream when we return early, and with it containerd's hold on ref
		if retErr != nil && status.Code(retErr) != codes.AlreadyExists {
			l.abort(ctx, ref)
		}
	}()
	send := func(request *content.WriteContentRequest) error {
		request.Ref, request.Total, request.Expected = ref, total, digest
		if err := stream.Send(request); err != nil && !errors.Is(err, io.EOF) {
			return plainly(err)
		}
		_, err := stream.Recv() // after io.EOF from Send, this has the reason
		return plainly(err)
	}
	buffer, offset := make([]byte, min(chunk, max(total, 1))), int64(0)
	for {
		n, err := io.ReadFull(from, buffer)
		if n > 0 {
			if err := send(&content.WriteContentRequest{Action: content.WriteAction_WRITE, Offset: offset, Data: buffer[:n]}); err != nil {
				return err
			}
			offset += int64(n)
			if l.sent != nil {
				l.sent(int64(n))
			}
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	return send(&content.WriteContentRequest{Action: content.WriteAction_COMMIT, Offset: offset, Labels: labels})
}

// abort removes what was written of a blob. The stream's end may reach containerd later than we do; the lease's end
// takes along what is left then.
func (l load) abort(ctx context.Context, ref string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	_, _ = l.content.Abort(ctx, &content.AbortRequest{Ref: ref})
}

// name makes the image known by its tag and by its digest, as a pull would, and waits for CRI to notice.
func (n *Node) name(ctx context.Context, called string, target v1.Descriptor) error {
	repository, err := repository(called)
	if err != nil {
		return err
	}
	names := []string{called}
	if digested := repository + "@" + target.Digest.String(); digested != called {
		names = append(names, digested)
	}
	for _, name := range names {
		image := &store.Image{
			Name:   name,
			Labels: map[string]string{"io.cri-containerd.image": "managed"},
			Target: &containerdtypes.Descriptor{MediaType: string(target.MediaType), Digest: target.Digest.String(), Size: target.Size},
		}
		_, err := n.images.Create(ctx, &store.CreateImageRequest{Image: image})
		if status.Code(err) == codes.AlreadyExists {
			_, err = n.images.Update(ctx, &store.UpdateImageRequest{Image: image, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"target"}}})
		}
		if err != nil {
			return fmt.Errorf("naming it %s: %w", name, err)
		}
	}
	return n.wait(ctx, called, target.Digest.String())
}

// wait returns when CRI, which learns of images from containerd's events, knows called as digest.
func (n *Node) wait(ctx context.Context, called, digest string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for pause := 5 * time.Millisecond; ; pause *= 2 {
		answer, err := n.cri.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: called}})
		if err != nil {
			return fmt.Errorf("asking for it: %w", err)
		}
		for _, known := range answer.GetImage().GetRepoDigests() {
			if strings.HasSuffix(known, digest) {
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
