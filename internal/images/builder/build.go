// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"coxswain.dev/coxswain/internal/images"
	"coxswain.dev/coxswain/internal/images/dockerfile"
	"coxswain.dev/coxswain/internal/images/ignore"
)

// Config says what to build.
type Config struct {
	// Context is the folder that files are copied from.
	Context string
	// File is the Dockerfile; empty for Dockerfile or Containerfile in the context.
	File string
	// Target is the stage to build; empty for the last.
	Target string
	// Args are values for ARG.
	Args map[string]string
	// Base finds an image that FROM or COPY --from names, by its canonical name; ErrNoBase when there is none.
	Base func(ctx context.Context, name string) (v1.Image, error)
	// Run runs a program for RUN and returns its layer; nil when there is nowhere to run one.
	Run func(ctx context.Context, step images.Step) (*os.File, error)
	// Output receives what those programs print; may be nil.
	Output io.Writer
	// Note is told what the user should know and is no error; may be nil.
	Note func(text string)
}

// ErrNoBase says that an image is nowhere to be found.
var ErrNoBase = errors.New("there is no such image")

// Built is a finished image. It can be used until it is closed.
type Built struct {
	Image   v1.Image
	closers []func() error
}

// Close gives up what the image's layers lie in.
func (b *Built) Close() error {
	var errs []error
	for _, closer := range b.closers {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

// build is one build on its way.
type build struct {
	Config
	file    *dockerfile.File
	globals map[string]string // ARGs before the first FROM
	stages  []*stage
	context *folder
	bases   map[string]*image
	used    map[string]bool // the Args that an ARG took
	opened  []*layer
}

// image is the state of one: what a stage begins with and ends as.
type image struct {
	config v1.ConfigFile
	layers []*layer
	tree   *tree
}

func (i *image) clone() *image {
	return &image{config: *i.config.DeepCopy(), layers: slices.Clone(i.layers), tree: i.tree.clone()}
}

// Build builds an image.
func Build(ctx context.Context, config Config) (_ *Built, retErr error) {
	if config.Note == nil {
		config.Note = func(string) {}
	}
	if config.Output == nil {
		config.Output = io.Discard
	}
	b := &build{Config: config, globals: map[string]string{}, bases: map[string]*image{}, used: map[string]bool{}}
	if err := b.openContext(); err != nil {
		return nil, err
	}
	built := &Built{closers: []func() error{b.context.root.Close, b.closeLayers}}
	defer func() {
		if retErr != nil {
			retErr = errors.Join(retErr, built.Close())
		}
	}()
	target, err := b.read()
	if err != nil {
		return nil, err
	}
	done, err := b.stage(ctx, target)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(b.Args)) {
		if !b.used[name] {
			b.Note("no ARG takes the build argument " + name)
		}
	}
	built.Image, err = done.finish()
	return built, err
}

func (b *build) closeLayers() error {
	var errs []error
	for _, layer := range b.opened {
		errs = append(errs, layer.close())
	}
	return errors.Join(errs...)
}

// openContext opens the folder and finds the Dockerfile.
func (b *build) openContext() error {
	root, err := os.OpenRoot(b.Context)
	if err != nil {
		return fmt.Errorf("opening the context: %w", err)
	}
	b.context = &folder{root: root}
	if err := b.openFile(); err != nil {
		return errors.Join(err, root.Close())
	}
	return nil
}

func (b *build) openFile() error {
	if b.File == "" {
		for _, name := range []string{"Dockerfile", "Containerfile"} {
			file := filepath.Join(b.Context, name)
			if _, err := os.Stat(file); err == nil {
				b.File = file
				break
			}
		}
		if b.File == "" {
			return fmt.Errorf("there is neither a Dockerfile nor a Containerfile in %s; name one with --file", b.Context)
		}
	}
	data, err := os.ReadFile(b.File)
	if err != nil {
		return fmt.Errorf("reading the Dockerfile: %w", err)
	}
	if b.file, err = dockerfile.Parse(filepath.Base(b.File), data); err != nil {
		return err
	}
	for _, name := range []string{b.File + ".dockerignore", filepath.Join(b.Context, ".dockerignore")} {
		data, err := os.ReadFile(name)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("reading what to ignore: %w", err)
		}
		if b.context.rules, err = ignore.Parse(data); err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		return nil
	}
	return nil
}

func (b *build) fail(at dockerfile.Instruction, err error) error {
	return &dockerfile.Error{File: b.file.Name, Line: at.Line, Keyword: at.Keyword, Err: err}
}

// stage builds a stage, unless that is done.
func (b *build) stage(ctx context.Context, s *stage) (*image, error) {
	if s.built != nil {
		return s.built, nil
	}
	begin, err := b.begin(ctx, s)
	if err != nil {
		return nil, err
	}
	state := &state{build: b, stage: s, image: begin, args: map[string]string{}, shell: defaultShell}
	if len(begin.config.Config.Shell) > 0 {
		state.shell = begin.config.Config.Shell
	}
	for _, instruction := range s.body {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := state.do(ctx, instruction); err != nil {
			return nil, b.fail(instruction, err)
		}
	}
	s.built = begin
	return begin, nil
}

// defaultPath is what programs of an image find others by, when the image does not say.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// finish makes the image of what a stage ended as.
func (i *image) finish() (v1.Image, error) {
	config := i.config
	config.Created = v1.Time{Time: epoch}
	config.RootFS = v1.RootFS{Type: "layers", DiffIDs: []v1.Hash{}}
	if _, set := lookupEnv(config.Config.Env, "PATH"); !set {
		config.Config.Env = append(slices.Clone(config.Config.Env), "PATH="+defaultPath)
	}
	var blobs []images.Blob
	for _, layer := range i.layers {
		config.RootFS.DiffIDs = append(config.RootFS.DiffIDs, layer.diffID)
		blobs = append(blobs, layer.blob)
	}
	return images.AssembleConfig(&config, blobs)
}
