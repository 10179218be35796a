// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"fmt"
	"time"

	leases "github.com/containerd/containerd/api/services/leases/v1"
	"github.com/google/uuid"
	"google.golang.org/grpc/metadata"
)

// begin takes a lease, which keeps what we write from containerd's garbage collector until an image refers to it.
// release ends it; with collect, what has come to belong to no image is removed before it returns.
func (n *Node) begin(ctx context.Context) (_ context.Context, _ load, release func(collect bool) error, _ error) {
	ctx = inNamespace(ctx)
	id := "coxswain-" + uuid.NewString() // it names containers, too, which containerd's own choice could not
	_, err := n.leases.Create(ctx, &leases.CreateRequest{ID: id, Labels: map[string]string{
		"containerd.io/gc.expire": time.Now().Add(leaseTime).UTC().Format(time.RFC3339),
	}})
	if err != nil {
		return nil, load{}, nil, fmt.Errorf("taking a lease: %w", err)
	}
	release = func(collect bool) error {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
		defer cancel()
		if _, err := n.leases.Delete(ctx, &leases.DeleteRequest{ID: id, Sync: collect}); err != nil {
			return fmt.Errorf("ending a lease, which ends by itself within %v: %w", leaseTime, err)
		}
		return nil
	}
	return metadata.AppendToOutgoingContext(ctx, "containerd-lease", id), load{Node: n, lease: id}, release, nil
}
