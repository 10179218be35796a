// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	leases "github.com/containerd/containerd/api/services/leases/v1"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// cacheTime is how long a node keeps what a program made. After it, the program runs again, so that what it downloads
// does not grow older than this; and containerd's collector removes what no image has.
const cacheTime = 7 * 24 * time.Hour

// key names a step by all that it depends on here; what it downloads is not known.
func (s Step) key() (string, error) {
	raw, err := json.Marshal([]any{chainOf(s.DiffIDs), s.Args, s.Env, s.Dir, s.UID, s.GID})
	if err != nil {
		return "", fmt.Errorf("naming a step: %w", err)
	}
	sum := sha256.Sum256(raw)
	return "coxswain-cache-" + hex.EncodeToString(sum[:]), nil
}

// cached is the layer that a step made before, nil when the node has none. It is kept by a lease of the step's name.
func (n *Node) cached(ctx context.Context, key string) (*os.File, error) {
	held, err := n.leases.ListResources(ctx, &leases.ListResourcesRequest{ID: key})
	if status.Code(err) == codes.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("looking for what was made before: %w", err)
	}
	for _, resource := range held.Resources {
		digest, err := v1.NewHash(resource.ID)
		if err != nil || resource.Type != "content" {
			continue
		}
		reader, err := n.read(ctx, digest)
		if err != nil {
			return nil, err
		}
		file, err := Spool(ctx, reader)
		if status.Code(err) == codes.NotFound {
			return nil, reader.Close() // collected: the lease has just ended
		}
		return file, errors.Join(err, reader.Close())
	}
	return nil, nil
}

// remember keeps a layer for the next time.
func (n *Node) remember(ctx context.Context, key string, digest v1.Hash) error {
	_, err := n.leases.Delete(ctx, &leases.DeleteRequest{ID: key})
	if err != nil && status.Code(err) != codes.NotFound {
		return fmt.Errorf("forgetting what was made before: %w", err)
	}
	_, err = n.leases.Create(ctx, &leases.CreateRequest{ID: key, Labels: map[string]string{
		"containerd.io/gc.expire": time.Now().Add(cacheTime).UTC().Format(time.RFC3339),
	}})
	if status.Code(err) == codes.AlreadyExists {
		return nil // another build was faster
	}
	if err == nil {
		_, err = n.leases.AddResource(ctx, &leases.AddResourceRequest{ID: key, Resource: &leases.Resource{ID: digest.String(), Type: "content"}})
	}
	if err != nil {
		return fmt.Errorf("keeping what was made: %w", err)
	}
	return nil
}
