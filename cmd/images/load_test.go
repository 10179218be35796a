// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	content "github.com/containerd/containerd/api/services/content/v1"
	leases "github.com/containerd/containerd/api/services/leases/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/internal/images"
	"coxswain.dev/coxswain/nodeagent/containerd"
)

// targets starts containerds as nodes a, b, … would have them.
func targets(t *testing.T, names ...string) (all []images.Target) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("SKIPPED: runs containerd, which needs root")
	}
	if err := containerd.Available(); err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	top, err := os.MkdirTemp("/tmp", "cd") // t.TempDir is too long for sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	for _, name := range names {
		daemon, err := containerd.New(containerd.Config{Root: filepath.Join(top, name), BinDir: filepath.Join(top, "bin")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := make(chan error, 1)
		go func() { ended <- daemon.Start(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
		select {
		case <-daemon.Ready():
		case err := <-ended:
			ended <- nil
			t.Fatalf("containerd ended early: %v", err)
		case <-time.After(30 * time.Second):
			t.Fatal("containerd was not ready in time")
		}
		all = append(all, images.Target{Node: name, Socket: daemon.Socket()})
	}
	return all
}

func connect(t *testing.T, targets ...images.Target) images.Nodes {
	t.Helper()
	nodes, err := images.ConnectAll(targets)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = nodes.Close() })
	return nodes
}

func imageOf(t *testing.T, name string, size int, seed uint64) images.Named {
	t.Helper()
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(seed)})
	if _, err := random.Read(data); err != nil {
		t.Fatal(err)
	}
	image, err := images.Build(images.Spec{Name: name, Files: map[string]images.File{"/data": {Content: data, Mode: 0o644}}})
	if err != nil {
		t.Fatal(err)
	}
	return image
}

func save(t *testing.T, all ...images.Named) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "image.tar")
	if err := images.Save(file, all...); err != nil {
		t.Fatal(err)
	}
	return file
}

// leftovers is what a node holds that is of no use: unfinished writes, leases, and blobs of that size.
func leftovers(t *testing.T, target images.Target, size int64) (found []string) {
	t.Helper()
	conn, err := grpc.NewClient("unix://"+target.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "containerd-namespace", "k8s.io")
	writes, err := content.NewContentClient(conn).ListStatuses(ctx, &content.ListStatusesRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, write := range writes.Statuses {
		found = append(found, "write "+write.Ref)
	}
	held, err := leases.NewLeasesClient(conn).List(ctx, &leases.ListRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for _, lease := range held.Leases {
		found = append(found, "lease "+lease.ID)
	}
	blobs, err := content.NewContentClient(conn).List(ctx, &content.ListContentRequest{})
	if err != nil {
		t.Fatal(err)
	}
	for {
		some, err := blobs.Recv()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, blob := range some.Info {
			if blob.Size >= size {
				found = append(found, fmt.Sprintf("blob %s of %d bytes", blob.Digest, blob.Size))
			}
		}
	}
}

func TestLoadsIntoEveryNode(t *testing.T) {
	two := targets(t, "a", "b")
	small := imageOf(t, "registry.example/small:v1", 100_000, 1)
	file := save(t, small, imageOf(t, "registry.example/other:v1", 10, 2))

	run := func(nodes images.Nodes, file string) (string, error) {
		var out bytes.Buffer
		err := loadFile(t.Context(), cli.Streams{In: strings.NewReader(""), Out: &out}, nodes, file, "")
		return out.String(), err
	}
	t.Run("a node first", func(t *testing.T) {
		began := time.Now()
		out, err := run(connect(t, two[0]), file)
		took := time.Since(began)
		t.Logf("loaded in %v:\n%s", took, out)
		if err != nil || took > 5*time.Second {
			t.Fatalf("took %v: %v", took, err)
		}
		if want := "registry.example/small:v1  103 kB"; !strings.Contains(out, want) {
			t.Errorf("%q is not said in\n%s", want, out)
		}
	})
	t.Run("then only those that lack it", func(t *testing.T) {
		out, err := run(connect(t, two...), file)
		if err != nil {
			t.Fatal(err)
		}
		if want := "into 2 nodes, 103 kB sent"; !strings.Contains(out, want) {
			t.Errorf("%q is not said in\n%s", want, out)
		}
		if out, err = run(connect(t, two...), file); err != nil || strings.Count(out, "already there") != 2 {
			t.Errorf("loading again: %v\n%s", err, out)
		}
	})
	t.Run("and a dead node fails alone", func(t *testing.T) {
		dead := images.Target{Node: "dead", Socket: filepath.Join(t.TempDir(), "none.sock")}
		out, err := run(connect(t, two[0], dead, two[1]), save(t, imageOf(t, "registry.example/third:v1", 10, 3)))
		if err == nil || !strings.Contains(err.Error(), "node dead: ") || strings.Contains(err.Error(), "node a") || strings.Contains(err.Error(), "rpc error") {
			t.Errorf("the error is %v", err)
		}
		t.Log(err)
		if !strings.Contains(out, "into 2 nodes") {
			t.Errorf("the others did not get it:\n%s", out)
		}
	})
	for _, target := range two {
		if found := leftovers(t, target, 1<<30); found != nil {
			t.Errorf("left on node %s: %v", target.Node, found)
		}
	}
}

func TestAnInterruptedLoadLeavesNothing(t *testing.T) {
	target := targets(t, "a")[0]
	const size = 32 << 20
	image := imageOf(t, "registry.example/big:v1", size, 4)
	ctx, cancel := context.WithCancel(t.Context())
	nodes := connect(t, target)
	_, err := nodes.Each(func(node *images.Node) error {
		sent := int64(0)
		return node.Load(ctx, image, func(n int64) {
			if sent += n; sent > size/2 {
				cancel()
			}
		})
	})
	if err == nil {
		t.Fatal("the load was not interrupted")
	}
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if found := leftovers(t, target, size); found != nil {
		t.Errorf("left: %v", found)
	}
	if shown := interrupted(ctx, err); !strings.Contains(shown.Error(), "interrupted") {
		t.Errorf("the user is told %v", shown)
	}
	// And it can be loaded afterwards.
	if _, err := nodes.Each(func(node *images.Node) error { return node.Load(t.Context(), image, nil) }); err != nil {
		t.Error(err)
	}
}

func TestABrokenLayerLeavesNothing(t *testing.T) {
	target := targets(t, "a")[0]
	file := save(t, imageOf(t, "registry.example/big:v1", 3<<20, 5))
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	data[2<<20]++ // within the layer, which comes first
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	err = loadFile(t.Context(), cli.Streams{Out: io.Discard}, connect(t, target), file, "")
	if err == nil || !strings.Contains(err.Error(), "node a: ") {
		t.Errorf("the error is %v", err)
	}
	if found := leftovers(t, target, 1<<20); found != nil {
		t.Errorf("left: %v", found)
	}
}
