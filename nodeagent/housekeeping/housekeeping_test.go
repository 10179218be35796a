// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package housekeeping

import (
	"compress/gzip"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	clocktesting "k8s.io/utils/clock/testing"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

func TestChoose(t *testing.T) {
	now := time.Unix(1_000_000, 0)
	image := func(id string, size uint64) runtime.Image {
		return runtime.Image{ID: id, Size: size, Tags: []string{id + ":tag"}}
	}
	pinned := image("pinned", 100)
	pinned.Pinned = true
	images := []runtime.Image{image("new", 100), image("old", 100), image("older", 100), image("used", 100), image("tagged", 100), pinned}
	used := map[string]time.Time{"new": now.Add(-time.Minute), "old": now.Add(-time.Hour), "older": now.Add(-2 * time.Hour), "used": now.Add(-time.Hour), "tagged": now.Add(-time.Hour), "pinned": now.Add(-time.Hour)}
	inUse := sets.New("used", "tagged:tag")
	for bytes, want := range map[int64][]string{0: nil, 1: {"older"}, 100: {"older"}, 101: {"older", "old"}, 1000: {"older", "old"}} {
		if diff := cmp.Diff(want, choose(images, inUse, used, now, bytes)); diff != "" {
			t.Errorf("to free %d bytes: %s", bytes, diff)
		}
	}
}

// node has one container with a log.
type node struct {
	runtime.Runtime
	log      string
	reopened int
}

func (n *node) Pods(context.Context) ([]runtime.State, error) {
	return []runtime.State{{UID: "u", Containers: []runtime.Container{{ID: "c", Phase: runtime.Running}}}}, nil
}

func (n *node) Pod(context.Context, types.UID) (runtime.State, error) {
	return runtime.State{UID: "u", Containers: []runtime.Container{{ID: "c", Phase: runtime.Running, LogPath: n.log}}}, nil
}

func (n *node) ReopenLog(context.Context, string) error {
	n.reopened++
	return os.WriteFile(n.log, nil, 0o600)
}

func TestRotateLogs(t *testing.T) {
	n := &node{log: filepath.Join(t.TempDir(), "0.log")}
	clock := clocktesting.NewFakeClock(time.Unix(1_000_000, 0))
	k := New(Config{Runtime: n, Clock: clock, MaxBytes: 10, MaxFiles: 3})
	rounds := []string{"short", "long enough 1", "long enough 2", "long enough 3", "long enough 4"}
	for _, text := range rounds {
		if err := os.WriteFile(n.log, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		clock.Step(time.Second)
		if err := k.RotateLogs(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n.reopened != len(rounds)-1 {
		t.Errorf("reopened %d times", n.reopened)
	}
	files, err := filepath.Glob(n.log + "*")
	if err != nil {
		t.Fatal(err)
	}
	var contents []string
	for _, file := range files {
		contents = append(contents, read(t, file))
	}
	if diff := cmp.Diff([]string{"", "long enough 3", "long enough 4"}, contents); diff != "" {
		t.Errorf("in %v: %s", files, diff)
	}
}

func read(t *testing.T, file string) string {
	t.Helper()
	opened, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = opened.Close() }()
	var reader io.Reader = opened
	if strings.HasSuffix(file, ".gz") {
		if reader, err = gzip.NewReader(opened); err != nil {
			t.Fatal(err)
		}
	}
	content, err := io.ReadAll(reader)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
