// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"

	diff "github.com/containerd/containerd/api/services/diff/v1"
	leases "github.com/containerd/containerd/api/services/leases/v1"
	snapshots "github.com/containerd/containerd/api/services/snapshots/v1"
	containerdtypes "github.com/containerd/containerd/api/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// snapshotter is the one that the nodes' configuration names.
const snapshotter = "overlayfs"

// chainOf is OCI's name for some layers on top of each other, by which snapshots are known.
func chainOf(diffIDs []v1.Hash) string {
	chain := ""
	for _, id := range diffIDs {
		if chain == "" {
			chain = id.String()
			continue
		}
		sum := sha256.Sum256([]byte(chain + " " + id.String()))
		chain = "sha256:" + hex.EncodeToString(sum[:])
	}
	return chain
}

// unpack makes snapshots of layers that are in the node's store, as far as they are not there, and returns the name of
// the topmost. Pods on the image use the same ones.
func (l load) unpack(ctx context.Context, layers []Blob, diffIDs []v1.Hash) (string, error) {
	parent := ""
	for i, layer := range layers {
		chain := chainOf(diffIDs[:i+1])
		_, err := l.leases.AddResource(ctx, &leases.AddResourceRequest{ID: l.lease, Resource: &leases.Resource{ID: chain, Type: "snapshots/" + snapshotter}})
		if err != nil {
			return "", fmt.Errorf("leasing a snapshot: %w", err)
		}
		_, err = l.snapshots.Stat(ctx, &snapshots.StatSnapshotRequest{Snapshotter: snapshotter, Key: chain})
		if status.Code(err) == codes.NotFound {
			err = l.unpackOne(ctx, layer.Descriptor, l.lease+"-unpack-"+strconv.Itoa(i), parent, chain)
		}
		if err != nil {
			return "", fmt.Errorf("unpacking layer %s: %w", layer.Descriptor.Digest, err)
		}
		parent = chain
	}
	return parent, nil
}

func (l load) unpackOne(ctx context.Context, layer v1.Descriptor, key, parent, chain string) (retErr error) {
	prepared, err := l.snapshots.Prepare(ctx, &snapshots.PrepareSnapshotRequest{Snapshotter: snapshotter, Key: key, Parent: parent})
	if err != nil {
		return err
	}
	defer func() {
		if retErr != nil {
			l.removeSnapshot(ctx, key)
		}
	}()
	_, err = l.diff.Apply(ctx, &diff.ApplyRequest{Mounts: prepared.Mounts, Diff: &containerdtypes.Descriptor{
		MediaType: string(layer.MediaType), Digest: layer.Digest.String(), Size: layer.Size,
	}})
	if err != nil {
		return err
	}
	_, err = l.snapshots.Commit(ctx, &snapshots.CommitSnapshotRequest{Snapshotter: snapshotter, Key: key, Name: chain})
	if status.Code(err) == codes.AlreadyExists { // a pod's start was faster
		l.removeSnapshot(ctx, key)
		return nil
	}
	return err
}

// removeSnapshot takes back what is not needed any more; what it can't remove goes with the lease.
func (l load) removeSnapshot(ctx context.Context, key string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
	defer cancel()
	_, _ = l.snapshots.Remove(ctx, &snapshots.RemoveSnapshotRequest{Snapshotter: snapshotter, Key: key})
}
