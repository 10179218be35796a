// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/internal/images"
)

func newLoad(streams cli.Streams) *cobra.Command {
	var (
		of  cluster
		tag string
	)
	command := &cobra.Command{
		Use:   "load FILE...",
		Short: "Load image archives (docker save, OCI layout) into the nodes of this machine",
		Long: `Loads the images of archives into every node of a cluster on this machine. An archive is a tar file as docker save,
podman save, skopeo, buildah or "coxswain images build --output" write it, plain or compressed with gzip or zstd; "-" is
standard input. What a node has already is not sent again.`,
		Example: `  coxswain images load app.tar
  docker save app:dev | coxswain images load -
  coxswain images load --tag app:dev unnamed.tar.gz`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, files []string) (retErr error) {
			if tag != "" && len(files) > 1 {
				return errors.New("--tag names one image; load its archive alone")
			}
			nodes, err := of.connect()
			if err != nil {
				return err
			}
			defer func() { retErr = errors.Join(retErr, nodes.Close()) }()
			var errs []error
			for _, file := range files {
				err := command.Context().Err()
				if err == nil {
					err = loadFile(command.Context(), streams, nodes, file, tag)
				}
				errs = append(errs, err)
			}
			return interrupted(command.Context(), errors.Join(errs...))
		},
	}
	of.addFlags(command.Flags())
	command.Flags().StringVarP(&tag, "tag", "t", "", "what to call the archive's only image, instead of the name in the archive")
	return command
}

// loadFile loads all images of an archive.
func loadFile(ctx context.Context, streams cli.Streams, nodes images.Nodes, file, tag string) (retErr error) {
	archive, err := open(ctx, streams.In, file, tag)
	if errors.Is(err, images.ErrNoName) {
		return fmt.Errorf("%w; give it one with --tag", err)
	}
	if err != nil {
		return err
	}
	defer func() { retErr = errors.Join(retErr, archive.Close()) }()
	var errs []error
	for _, image := range archive.Images {
		errs = append(errs, loadImage(ctx, streams.Out, nodes, image))
	}
	return errors.Join(errs...)
}

func open(ctx context.Context, in io.Reader, file, tag string) (*images.Archive, error) {
	if file == "-" {
		return images.Read(ctx, in, tag)
	}
	return images.Open(ctx, file, tag)
}

// loadImage puts one image into all nodes and prints a line about it. Nodes that do not get it are in the error.
func loadImage(ctx context.Context, out io.Writer, nodes images.Nodes, image images.Named) error {
	began := time.Now()
	size, err := images.Size(image.Image)
	if err != nil {
		return fmt.Errorf("reading %s: %w", image.Name, err)
	}
	shown := show(out, image.Name, size*int64(len(nodes)))
	well, err := nodes.Each(func(node *images.Node) error { return node.Load(ctx, image, shown.add) })
	shown.end()
	if len(well) > 0 {
		cli.Progress{Out: out}.Done(summary(image.Name, size, shown.sent.Load(), len(well)), time.Since(began))
	}
	if err != nil {
		return fmt.Errorf("loading %s: %w", image.Name, err)
	}
	return nil
}

// summary is the line about an image that was loaded into some nodes.
func summary(name string, size, sent int64, nodes int) string {
	line := fmt.Sprintf("%s  %s", name, bytesOf(size))
	if nodes > 1 {
		line += fmt.Sprintf(" into %d nodes", nodes)
	}
	switch {
	case sent == 0:
		line += ", already there"
	case sent < size*int64(nodes):
		line += ", " + bytesOf(sent) + " sent"
	}
	return line
}

// interrupted is one clear error in place of those of every call that Ctrl-C ended.
func interrupted(ctx context.Context, err error) error {
	if err == nil || ctx.Err() == nil {
		return err
	}
	return errors.New("interrupted; what was not yet complete has been removed")
}
