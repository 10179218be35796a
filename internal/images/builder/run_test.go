// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"coxswain.dev/coxswain/internal/images"
)

// runner stands in for a node that runs programs: each leaves a file of its own and takes /gone away.
type runner struct{ steps []images.Step }

func (r *runner) run(_ context.Context, step images.Step) (*os.File, error) {
	if len(step.Args) > 0 && step.Args[0] == "/fail" {
		return nil, &images.ExitError{Code: 3}
	}
	r.steps = append(r.steps, step)
	writer, err := newLayer()
	if err != nil {
		return nil, err
	}
	for _, header := range []*tar.Header{
		{Typeflag: tar.TypeReg, Name: fmt.Sprintf("made%d", len(r.steps)), Mode: 0o600, ModTime: epoch},
		{Typeflag: tar.TypeReg, Name: ".wh.gone", ModTime: epoch},
	} {
		if _, err := writer.entry(header, nil); err != nil {
			return nil, err
		}
	}
	made, err := writer.end()
	if err != nil {
		return nil, err
	}
	return made.plain, nil
}

func TestRun(t *testing.T) {
	r := &runner{}
	_, files, err := run(t, Config{Run: r.run, Args: map[string]string{"given": "G"}, Context: write(t, withFile(map[string]string{"gone": "x"}, strings.Join([]string{
		"FROM scratch", "ARG given", "ARG default=D", "ENV e=E default=env",
		`RUN ["/a", "$e"]`, "COPY gone /", "RUN a | b $e \\", "  c", "WORKDIR /w", "USER 5:6", "SHELL [\"/s\"]",
		"RUN <<EOF", "one $e", "two", "EOF", "RUN cat <<x && ls", "text", "x", "",
	}, "\n")))})
	if err != nil {
		t.Fatal(err)
	}
	env := []string{"given=G", "e=E", "default=env", "PATH=" + defaultPath}
	want := []images.Step{
		{Args: []string{"/a", "$e"}, Env: env},
		{Args: []string{"/bin/sh", "-c", "a | b $e   c"}, Env: env},
		{Args: []string{"/s", "one $e\ntwo\n"}, Env: env, Dir: "/w", UID: 5, GID: 6},
		{Args: []string{"/s", "cat <<x && ls\ntext\nx"}, Env: env, Dir: "/w", UID: 5, GID: 6},
	}
	for i := range r.steps {
		if got := len(r.steps[i].Layers); got != len(r.steps[i].DiffIDs) || got < i {
			t.Errorf("step %d runs on %d layers with %d names", i, got, len(r.steps[i].DiffIDs))
		}
		r.steps[i].Layers, r.steps[i].DiffIDs, r.steps[i].Output = nil, nil, nil
	}
	if diff := cmp.Diff(want, r.steps); diff != "" {
		t.Errorf("steps (-want +got):\n%s", diff)
	}
	held := map[string]string{"made1": "600 0:0 ", "made2": "600 0:0 ", "made3": "600 0:0 ", "made4": "600 0:0 ", "w": "dir 755 0:0"}
	if diff := cmp.Diff(held, files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestAProgramThatFailsEndsTheBuild(t *testing.T) {
	_, _, err := run(t, Config{Run: (&runner{}).run, Context: write(t, withFile(nil, "FROM scratch\nRUN [\"/fail\"]\n"))})
	var exit *images.ExitError
	if !errors.As(err, &exit) || exit.Code != 3 || !strings.HasPrefix(err.Error(), "Dockerfile:2: RUN: ") {
		t.Errorf("got %v", err)
	}
}

func TestEveryLayerIsInTheHistory(t *testing.T) {
	config, _, err := run(t, Config{Run: (&runner{}).run, Context: write(t, withFile(map[string]string{"a": "A"}, "FROM scratch\nENV a=b\nCOPY --chmod=700 a /a\nRUN x\nWORKDIR /\n"))})
	if err != nil {
		t.Fatal(err)
	}
	at := v1.Time{Time: epoch}
	want := []v1.History{
		{Created: at, CreatedBy: "ENV a=b", EmptyLayer: true}, {Created: at, CreatedBy: "COPY --chmod=700 a /a"},
		{Created: at, CreatedBy: "RUN x"}, {Created: at, CreatedBy: "WORKDIR /", EmptyLayer: true},
	}
	if diff := cmp.Diff(want, config.History); diff != "" {
		t.Error(diff)
	}
}
