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
	"runtime"
	"slices"
	"strconv"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"

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

// stage is a FROM with what follows it.
type stage struct {
	name  string
	from  dockerfile.Instruction
	base  string
	body  []dockerfile.Instruction
	built *image
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

// read checks every instruction as far as that goes without doing it, splits the file into stages, and returns which to
// build.
func (b *build) read() (*stage, error) {
	for _, instruction := range b.file.Instructions {
		if err := b.check(instruction); err != nil {
			return nil, b.fail(instruction, err)
		}
		switch {
		case instruction.Keyword == "FROM":
			if err := b.from(instruction); err != nil {
				return nil, b.fail(instruction, err)
			}
		case len(b.stages) > 0:
			last := b.stages[len(b.stages)-1]
			last.body = append(last.body, instruction)
		case instruction.Keyword == "ARG":
			if err := b.globalArgs(instruction); err != nil {
				return nil, b.fail(instruction, err)
			}
		default:
			return nil, b.fail(instruction, errors.New("only ARG may come before the first FROM"))
		}
	}
	if len(b.stages) == 0 {
		return nil, &dockerfile.Error{File: b.file.Name, Line: 1, Err: errors.New("no FROM says what to begin with; FROM scratch is an empty image")}
	}
	if b.Target == "" {
		return b.stages[len(b.stages)-1], nil
	}
	if found := b.find(b.Target, len(b.stages)); found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%s has no stage %q", b.file.Name, b.Target)
}

// find is the stage of that name or number among the first few.
func (b *build) find(name string, before int) *stage {
	for i := before - 1; i >= 0; i-- {
		if strings.EqualFold(b.stages[i].name, name) && name != "" {
			return b.stages[i]
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < before {
		return b.stages[n]
	}
	return nil
}

// platform values that every build has.
func platform(name string) (string, bool) {
	value, ok := map[string]string{
		"TARGETPLATFORM": "linux/" + runtime.GOARCH, "TARGETOS": "linux", "TARGETARCH": runtime.GOARCH, "TARGETVARIANT": "",
		"BUILDPLATFORM": "linux/" + runtime.GOARCH, "BUILDOS": "linux", "BUILDARCH": runtime.GOARCH, "BUILDVARIANT": "",
	}[name]
	return value, ok
}

// global is a variable as FROM sees it.
func (b *build) global(name string) (string, bool) {
	if value, ok := b.globals[name]; ok {
		return value, true
	}
	return platform(name)
}

func (b *build) globalArgs(instruction dockerfile.Instruction) error {
	return b.eachArg(instruction, b.global, func(name, value string, set bool) {
		if set {
			b.globals[name] = value
		}
	})
}

// eachArg calls do for each NAME[=default] of an ARG, with the value that the user or the default gives it.
func (b *build) eachArg(instruction dockerfile.Instruction, variables dockerfile.Variables, do func(name, value string, set bool)) error {
	words, err := b.file.Split(instruction.Rest)
	if err != nil {
		return err
	}
	for _, word := range words {
		name, value, set := strings.Cut(word, "=")
		if name == "" {
			return fmt.Errorf("%q is not of the form name=default", word)
		}
		if given, ok := b.Args[name]; ok {
			b.used[name] = true
			value, set = given, true
		} else if value, err = b.file.Expand(value, variables); err != nil {
			return err
		}
		do(name, value, set)
	}
	return nil
}

func (b *build) from(instruction dockerfile.Instruction) error {
	for _, flag := range instruction.Flags {
		value, err := b.file.Expand(flag.Value, b.global)
		if err != nil {
			return err
		}
		if here := "linux/" + runtime.GOARCH; flag.Name == "platform" && value != here {
			return fmt.Errorf("the platform %s is not this machine's, %s", value, here)
		}
	}
	words := strings.Fields(instruction.Rest)
	next := &stage{from: instruction}
	switch {
	case len(words) == 3 && strings.EqualFold(words[1], "AS"):
		next.name = words[2]
	case len(words) != 1:
		return errors.New("write FROM image, or FROM image AS name")
	}
	base, err := b.file.Expand(words[0], b.global)
	if err != nil {
		return err
	}
	if base == "" {
		return fmt.Errorf("%s is empty; only ARGs before the first FROM count here, with their defaults or --build-arg", words[0])
	}
	next.base = base
	b.stages = append(b.stages, next)
	return nil
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

// begin is what a stage begins with: nothing, another stage, or an image from elsewhere.
func (b *build) begin(ctx context.Context, s *stage) (*image, error) {
	if s.base == "scratch" {
		return &image{tree: newTree(), config: v1.ConfigFile{OS: "linux", Architecture: runtime.GOARCH, RootFS: v1.RootFS{Type: "layers"}}}, nil
	}
	for i, other := range b.stages {
		if other == s {
			if before := b.find(s.base, i); before != nil && before.name != "" && strings.EqualFold(before.name, s.base) {
				built, err := b.stage(ctx, before)
				if err != nil {
					return nil, err
				}
				return built.clone(), nil
			}
		}
	}
	base, err := b.base(ctx, s.base)
	if err != nil {
		return nil, b.fail(s.from, err)
	}
	if len(base.config.Config.OnBuild) > 0 {
		return nil, b.fail(s.from, fmt.Errorf("image %s has ONBUILD instructions, which are not supported", s.base))
	}
	return base.clone(), nil
}

// base gets an image from elsewhere, once.
func (b *build) base(ctx context.Context, name string) (*image, error) {
	canonical, err := images.Canonical(name)
	if err != nil {
		return nil, err
	}
	if known := b.bases[canonical]; known != nil {
		return known, nil
	}
	if b.Base == nil {
		return nil, ErrNoBase
	}
	found, err := b.Base(ctx, canonical)
	if errors.Is(err, ErrNoBase) {
		return nil, fmt.Errorf("no image %q is on a node or in an archive given with --base; put it there with `coxswain images load FILE`", name)
	}
	if err != nil {
		return nil, err
	}
	base, err := b.bring(ctx, found)
	if err != nil {
		return nil, fmt.Errorf("reading image %s: %w", name, err)
	}
	b.bases[canonical] = base
	return base, nil
}

// bring reads what is in an image.
func (b *build) bring(ctx context.Context, from v1.Image) (*image, error) {
	config, err := from.ConfigFile()
	if err != nil {
		return nil, err
	}
	blobs, err := images.Layers(from)
	if err != nil {
		return nil, err
	}
	if len(blobs) != len(config.RootFS.DiffIDs) {
		return nil, fmt.Errorf("its configuration names %d layers, its manifest %d", len(config.RootFS.DiffIDs), len(blobs))
	}
	base := &image{config: *config.DeepCopy(), tree: newTree()}
	for i, blob := range blobs {
		blob.Descriptor.MediaType = ociType(blob.Descriptor.MediaType)
		next := &layer{blob: blob, diffID: config.RootFS.DiffIDs[i]}
		b.opened = append(b.opened, next)
		if err := base.tree.add(ctx, next); err != nil {
			return nil, err
		}
		base.layers = append(base.layers, next)
	}
	return base, nil
}

// ociType is the name that OCI has for a layer's format: the finished image is OCI's, whatever its base is.
func ociType(of types.MediaType) types.MediaType {
	switch of {
	case types.DockerLayer:
		return types.OCILayer
	case types.DockerUncompressedLayer:
		return types.OCIUncompressedLayer
	}
	return of
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
