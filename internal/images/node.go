// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	containers "github.com/containerd/containerd/api/services/containers/v1"
	content "github.com/containerd/containerd/api/services/content/v1"
	diff "github.com/containerd/containerd/api/services/diff/v1"
	store "github.com/containerd/containerd/api/services/images/v1"
	leases "github.com/containerd/containerd/api/services/leases/v1"
	snapshots "github.com/containerd/containerd/api/services/snapshots/v1"
	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// namespace is the one in which containerd's CRI service looks for images.
const namespace = "k8s.io"

// Target is a node and where its containerd listens.
type Target struct{ Node, Socket string }

// Node is a connection to the containerd of a node.
type Node struct {
	Name       string
	socket     string
	conn       *grpc.ClientConn
	content    content.ContentClient
	images     store.ImagesClient
	leases     leases.LeasesClient
	snapshots  snapshots.SnapshotsClient
	diff       diff.DiffClient
	containers containers.ContainersClient
	tasks      tasks.TasksClient
	cri        cri.ImageServiceClient
}

// Connect prepares a connection; it is made with the first call.
func Connect(target Target) (*Node, error) {
	conn, err := grpc.NewClient("unix://"+target.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithUnaryInterceptor(saidPlainly))
	if err != nil {
		return nil, fmt.Errorf("connecting to containerd: %w", err)
	}
	return &Node{
		Name:       target.Node,
		socket:     target.Socket,
		conn:       conn,
		content:    content.NewContentClient(conn),
		images:     store.NewImagesClient(conn),
		leases:     leases.NewLeasesClient(conn),
		snapshots:  snapshots.NewSnapshotsClient(conn),
		diff:       diff.NewDiffClient(conn),
		containers: containers.NewContainersClient(conn),
		tasks:      tasks.NewTasksClient(conn),
		cri:        cri.NewImageServiceClient(conn),
	}, nil
}

// Close ends the connection.
func (n *Node) Close() error { return n.conn.Close() }

func inNamespace(ctx context.Context) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "containerd-namespace", namespace)
}

// Nodes are several nodes that are to have the same images.
type Nodes []*Node

// ConnectAll is Connect for all of them.
func ConnectAll(targets []Target) (Nodes, error) {
	var nodes Nodes
	for _, target := range targets {
		node, err := Connect(target)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("node %s: %w", target.Node, err), nodes.Close())
		}
		nodes = append(nodes, node)
	}
	return nodes, nil
}

// Close ends all connections.
func (n Nodes) Close() error {
	var errs []error
	for _, node := range n {
		errs = append(errs, node.Close())
	}
	return errors.Join(errs...)
}

// Each does something on all nodes at once. It returns the nodes where that went well, in their order, and the errors
// of the others, each with its node's name.
func (n Nodes) Each(do func(*Node) error) (Nodes, error) {
	errs := make([]error, len(n))
	var all sync.WaitGroup
	for i, node := range n {
		all.Go(func() {
			if err := do(node); err != nil {
				errs[i] = fmt.Errorf("node %s: %w", node.Name, err)
			}
		})
	}
	all.Wait()
	well := slices.Collect(func(yield func(*Node) bool) {
		for i, node := range n {
			if errs[i] == nil && !yield(node) {
				return
			}
		}
	})
	return well, errors.Join(errs...)
}
