// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	containers "github.com/containerd/containerd/api/services/containers/v1"
	diff "github.com/containerd/containerd/api/services/diff/v1"
	snapshots "github.com/containerd/containerd/api/services/snapshots/v1"
	tasks "github.com/containerd/containerd/api/services/tasks/v1"
	containerdtypes "github.com/containerd/containerd/api/types"
	runc "github.com/containerd/containerd/api/types/runc/options"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Step is a program to run on some layers.
type Step struct {
	Layers  []Blob
	DiffIDs []v1.Hash
	// Args is the program and its arguments; Env, Dir, UID and GID are what it runs with.
	Args, Env []string
	Dir       string
	UID, GID  int
	// CgroupParent is above the program's cgroup.
	CgroupParent string
	// Output receives what it prints.
	Output io.Writer
	// Fresh runs it even if the node still has what it made before.
	Fresh bool
}

// ExitError says that a program ended with another code than 0.
type ExitError struct{ Code uint32 }

// Error implements error.
func (e *ExitError) Error() string { return fmt.Sprintf("it ended with exit code %d", e.Code) }

// Run runs a program in a container of its own on the node, in the network of this machine, and returns what it changed
// as a layer: a plain tar file without a name, which is the caller's. The node keeps the layer for a while, and nothing
// else; the same step on the same layers gets it from there.
func (n *Node) Run(ctx context.Context, step Step) (_ *os.File, retErr error) {
	key, err := step.key()
	if err != nil {
		return nil, err
	}
	if !step.Fresh {
		if made, err := n.cached(inNamespace(ctx), key); made != nil || err != nil {
			return made, err
		}
	}
	return n.run(ctx, step, key)
}

func (n *Node) run(ctx context.Context, step Step, cacheKey string) (_ *os.File, retErr error) {
	ctx, l, release, err := n.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { retErr = errors.Join(retErr, release(true)) }()
	for _, layer := range step.Layers {
		if err := l.store(ctx, layer, nil); err != nil {
			return nil, fmt.Errorf("writing %s: %w", layer.Descriptor.Digest, err)
		}
	}
	parent, err := l.unpack(ctx, step.Layers, step.DiffIDs)
	if err != nil {
		return nil, err
	}
	key := l.lease + "-run"
	upper, err := l.snapshots.Prepare(ctx, &snapshots.PrepareSnapshotRequest{Snapshotter: snapshotter, Key: key, Parent: parent})
	if err != nil {
		return nil, fmt.Errorf("preparing a file system: %w", err)
	}
	defer l.removeSnapshot(ctx, key)
	if err := l.runTask(ctx, key, upper.Mounts, step); err != nil {
		return nil, err
	}
	digest, err := l.changes(ctx, key, parent, upper.Mounts)
	if err != nil {
		return nil, err
	}
	if err := l.remember(ctx, cacheKey, digest); err != nil {
		return nil, err
	}
	reader, err := l.read(ctx, digest)
	if err != nil {
		return nil, err
	}
	file, err := Spool(ctx, reader)
	return file, errors.Join(err, reader.Close())
}

// changes stores what was changed above parent as a layer.
func (l load) changes(ctx context.Context, key, parent string, upper []*containerdtypes.Mount) (v1.Hash, error) {
	view := key + "-below"
	lower, err := l.snapshots.View(ctx, &snapshots.ViewSnapshotRequest{Snapshotter: snapshotter, Key: view, Parent: parent})
	if err != nil {
		return v1.Hash{}, fmt.Errorf("looking below: %w", err)
	}
	defer l.removeSnapshot(ctx, view)
	made, err := l.diff.Diff(ctx, &diff.DiffRequest{
		Left: lower.Mounts, Right: upper, MediaType: string(types.OCIUncompressedLayer), Ref: key,
		SourceDateEpoch: timestamppb.New(epoch), // no file is younger: the same files give the same layer
	})
	if err != nil {
		return v1.Hash{}, fmt.Errorf("comparing: %w", err)
	}
	digest, err := v1.NewHash(made.GetDiff().GetDigest())
	if err != nil {
		return v1.Hash{}, fmt.Errorf("comparing: %w", err)
	}
	return digest, nil
}

// runTask runs the program to its end.
func (l load) runTask(ctx context.Context, id string, root []*containerdtypes.Mount, step Step) (retErr error) {
	log, err := os.CreateTemp("", "coxswain-run-")
	if err != nil {
		return fmt.Errorf("making a temporary file: %w", err)
	}
	defer func() { retErr = errors.Join(retErr, log.Close(), os.Remove(log.Name())) }()
	spec, err := specOf(step, id)
	if err != nil {
		return err
	}
	// The shim's default is a folder that all containerds of this machine share.
	options, err := proto.Marshal(&runc.Options{Root: filepath.Join(filepath.Dir(l.socket), "runc")})
	if err != nil {
		return err
	}
	runtime := &anypb.Any{TypeUrl: "containerd.runc.v1.Options", Value: options}
	_, err = l.containers.Create(ctx, &containers.CreateContainerRequest{Container: &containers.Container{
		ID:          id,
		Runtime:     &containers.Container_Runtime{Name: "io.containerd.runc.v2", Options: runtime},
		Spec:        &anypb.Any{TypeUrl: "types.containerd.io/opencontainers/runtime-spec/1/Spec", Value: spec},
		Snapshotter: snapshotter,
		SnapshotKey: id,
	}})
	if err != nil {
		return fmt.Errorf("making a container: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUpTime)
		defer cancel()
		_, err := l.containers.Delete(ctx, &containers.DeleteContainerRequest{ID: id})
		retErr = errors.Join(retErr, err)
	}()
	output := "file://" + log.Name()
	_, err = l.tasks.Create(ctx, &tasks.CreateTaskRequest{ContainerID: id, Rootfs: root, Stdout: output, Stderr: output, Options: runtime})
	if err != nil {
		return fmt.Errorf("making its process: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*cleanUpTime)
		defer cancel()
		// It may be running if we were interrupted; if not, there is nothing to kill.
		_, _ = l.tasks.Kill(ctx, &tasks.KillRequest{ContainerID: id, Signal: 9, All: true})
		_, _ = l.tasks.Wait(ctx, &tasks.WaitRequest{ContainerID: id})
		_, err := l.tasks.Delete(ctx, &tasks.DeleteTaskRequest{ContainerID: id})
		retErr = errors.Join(retErr, err)
	}()
	if _, err := l.tasks.Start(ctx, &tasks.StartRequest{ContainerID: id}); err != nil {
		return fmt.Errorf("starting it: %w", err)
	}
	shown := follow(log, step.Output)
	ended, err := l.tasks.Wait(ctx, &tasks.WaitRequest{ContainerID: id})
	if err := errors.Join(err, shown()); err != nil {
		return err
	}
	if ended.ExitStatus != 0 {
		return &ExitError{Code: ended.ExitStatus}
	}
	return nil
}

// followEvery is how often output is looked for.
const followEvery = 50 * time.Millisecond

// follow copies what is appended to a file until the returned function is called, which copies the rest.
func follow(file *os.File, out io.Writer) func() error {
	stop, done := make(chan struct{}), make(chan error, 1)
	go func() {
		tick := time.NewTicker(followEvery)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				_, err := io.Copy(out, file)
				done <- err
				return
			case <-tick.C:
				if _, err := io.Copy(out, file); err != nil {
					done <- err
					return
				}
			}
		}
	}()
	return func() error {
		close(stop)
		return <-done
	}
}
