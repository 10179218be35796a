// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/internal/images"
	"coxswain.dev/coxswain/internal/images/builder"
)

type buildFlags struct {
	of           cluster
	tags         []string
	file, output string
	target       string
	args, bases  []string
	noLoad       bool
	noCache      bool
}

func newBuild(streams cli.Streams) *cobra.Command {
	f := &buildFlags{}
	command := &cobra.Command{
		Use:   "build CONTEXT",
		Short: "Build an image from a folder and load it into the nodes of this machine",
		Long: `Builds an image from a folder with a Dockerfile (or Containerfile), with no registry and no daemon, and loads it into
every node of the cluster. FROM is scratch, another stage, an image that a node has, or one in an archive that --base
names. RUN runs its program in a container on the first node, in this machine's network; what it made is used again for
a week. Without RUN, the same files give the same image.`,
		Example: `  coxswain images build --tag app:dev .
  coxswain images build --tag app:dev --base alpine.tar --build-arg VERSION=2 ./app
  coxswain images build --tag app:dev --output app.tar --no-load .`,
		Args: cobra.ExactArgs(1),
		RunE: func(command *cobra.Command, args []string) error {
			return interrupted(command.Context(), f.run(command.Context(), streams, args[0]))
		},
	}
	flags := command.Flags()
	f.of.addFlags(flags)
	flags.StringArrayVarP(&f.tags, "tag", "t", nil, "name of the image, with its tag; may be repeated (default: the folder's name with the tag dev)")
	flags.StringVarP(&f.file, "file", "f", "", "the Dockerfile (default: Dockerfile or Containerfile in the folder)")
	flags.StringVarP(&f.output, "output", "o", "", "also write the image to this archive")
	flags.StringVar(&f.target, "target", "", "the stage to build (default: the last)")
	flags.StringArrayVar(&f.args, "build-arg", nil, "NAME=value for an ARG; may be repeated")
	flags.StringArrayVar(&f.bases, "base", nil, "archive with images that FROM names; may be repeated")
	flags.BoolVar(&f.noCache, "no-cache", false, "run every program of RUN, also those that ran before")
	flags.BoolVar(&f.noLoad, "no-load", false, "do not load the image into the nodes")
	return command
}

func (f *buildFlags) run(ctx context.Context, streams cli.Streams, folder string) (retErr error) {
	began := time.Now()
	tags, err := tagsOf(f.tags, folder)
	if err != nil {
		return err
	}
	args, err := argsOf(f.args)
	if err != nil {
		return err
	}
	if f.noLoad && f.output == "" {
		return errors.New("with --no-load, --output has to say where the image goes")
	}
	// Without nodes there is still something to do when the image is only written.
	nodes, noNodes := f.of.connect()
	if noNodes != nil && !f.noLoad {
		return noNodes
	}
	defer func() { retErr = errors.Join(retErr, nodes.Close()) }()
	bases, err := openBases(ctx, f.bases, nodes)
	if err != nil {
		return err
	}
	defer func() { retErr = errors.Join(retErr, bases.close()) }()

	config := builder.Config{
		Context: folder, File: f.file, Target: f.target, Args: args, Base: bases.find, Output: streams.Err,
		Note: func(text string) { fmt.Fprintln(streams.Err, "note: "+text) },
	}
	if len(nodes) > 0 {
		config.Run = func(ctx context.Context, step images.Step) (*os.File, error) {
			step.CgroupParent, step.Fresh = f.of.cgroup(), f.noCache
			return nodes[0].Run(ctx, step)
		}
	}
	built, err := builder.Build(ctx, config)
	if err != nil {
		return err
	}
	defer func() { retErr = errors.Join(retErr, built.Close()) }()
	return f.deliver(ctx, streams, nodes, built.Image, tags, began)
}

// deliver writes the image and loads it, as the flags say.
func (f *buildFlags) deliver(ctx context.Context, streams cli.Streams, nodes images.Nodes, image v1.Image, tags []string, began time.Time) error {
	size, err := images.Size(image)
	if err != nil {
		return err
	}
	id, err := image.ConfigName()
	if err != nil {
		return err
	}
	out := cli.Progress{Out: streams.Out}
	out.Done(fmt.Sprintf("built %s  %s", shortID(id.String()), bytesOf(size)), time.Since(began))
	var named []images.Named
	for _, tag := range tags {
		named = append(named, images.Named{Name: tag, Image: image})
	}
	if f.output != "" {
		began = time.Now()
		if err := images.Save(f.output, named...); err != nil {
			return err
		}
		out.Done("wrote "+f.output, time.Since(began))
	}
	if f.noLoad {
		return nil
	}
	var errs []error
	for _, image := range named {
		errs = append(errs, loadImage(ctx, streams.Out, nodes, image))
		if strings.HasSuffix(image.Name, ":latest") {
			fmt.Fprintf(streams.Err, "note: pods pull %s again unless they say imagePullPolicy: Never or IfNotPresent; another tag needs neither\n", image.Name)
		}
	}
	return errors.Join(errs...)
}

var notInNames = regexp.MustCompile(`[^a-z0-9]+`)

// tagsOf is the canonical names of the image. The default tag is not latest, which pods would try to pull.
func tagsOf(given []string, folder string) ([]string, error) {
	if len(given) == 0 {
		whole, err := filepath.Abs(folder)
		if err != nil {
			return nil, err
		}
		name := strings.Trim(notInNames.ReplaceAllString(strings.ToLower(filepath.Base(whole)), "-"), "-")
		if name == "" {
			return nil, fmt.Errorf("folder %s gives the image no name; give it one with --tag", folder)
		}
		given = []string{name + ":dev"}
	}
	var tags []string
	for _, tag := range given {
		canonical, err := images.Canonical(tag)
		if err != nil {
			return nil, err
		}
		if strings.Contains(canonical, "@") {
			return nil, fmt.Errorf("%s has a digest, which only comes of building", tag)
		}
		tags = append(tags, canonical)
	}
	return tags, nil
}

func argsOf(given []string) (map[string]string, error) {
	args := map[string]string{}
	for _, arg := range given {
		name, value, found := strings.Cut(arg, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--build-arg %s is not of the form NAME=value", arg)
		}
		args[name] = value
	}
	return args, nil
}

// bases is where FROM finds images: in archives first, then on nodes.
type bases struct {
	archives []*images.Archive
	nodes    images.Nodes
}

func openBases(ctx context.Context, files []string, nodes images.Nodes) (_ *bases, retErr error) {
	b := &bases{nodes: nodes}
	defer func() {
		if retErr != nil {
			retErr = errors.Join(retErr, b.close())
		}
	}()
	for _, file := range files {
		archive, err := images.Open(ctx, file, "")
		if err != nil {
			return nil, err
		}
		b.archives = append(b.archives, archive)
	}
	return b, nil
}

func (b *bases) close() error {
	var errs []error
	for _, archive := range b.archives {
		errs = append(errs, archive.Close())
	}
	return errors.Join(errs...)
}

func (b *bases) find(ctx context.Context, name string) (v1.Image, error) {
	for _, archive := range b.archives {
		for _, image := range archive.Images {
			if image.Name == name {
				return image.Image, nil
			}
		}
	}
	var errs []error
	for _, node := range b.nodes {
		image, err := node.Image(ctx, name)
		if err == nil {
			return image, nil
		}
		if !errors.Is(err, images.ErrNotFound) {
			errs = append(errs, fmt.Errorf("node %s: %w", node.Name, err))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	return nil, builder.ErrNoBase
}
