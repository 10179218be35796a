// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package images is `coxswain images`: local images for the nodes of a cluster on this machine, without a registry.
package images

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/cmd/layout"
	"coxswain.dev/coxswain/internal/images"
	"coxswain.dev/coxswain/internal/instance"
)

// New makes the command.
func New(streams cli.Streams) *cobra.Command {
	command := &cobra.Command{
		Use:   "images",
		Short: "Put local images on the nodes",
	}
	command.AddCommand(newLoad(streams))
	return command
}

func newLoad(streams cli.Streams) *cobra.Command {
	dataDir := string(instance.DefaultDir())
	command := &cobra.Command{
		Use:   "load FILE...",
		Short: "Load image archives (docker save, OCI layout) into the nodes of this machine",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, files []string) error {
			socket, err := socketOf(instance.Dir(dataDir))
			if err != nil {
				return err
			}
			for _, file := range files {
				began := time.Now()
				archive, err := images.Open(command.Context(), file, "")
				if err != nil {
					return err
				}
				err = images.Load(command.Context(), socket, archive.Images...)
				if err := errors.Join(err, archive.Close()); err != nil {
					return fmt.Errorf("loading %s: %w", file, err)
				}
				for _, image := range archive.Images {
					cli.Progress{Out: streams.Out}.Done(image.Name, time.Since(began))
				}
			}
			return nil
		},
	}
	command.Flags().StringVar(&dataDir, "data-dir", dataDir, "data folder of the cluster")
	return command
}

// socketOf is where the containerd of the cluster in dir listens.
func socketOf(dir instance.Dir) (string, error) {
	record, err := dir.Load()
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("there is no cluster in %s; start one with `coxswain up`, or name its folder with --data-dir", dir)
	}
	if err != nil {
		return "", err
	}
	holder, err := dir.Holder()
	if err != nil {
		return "", err
	}
	if holder == 0 {
		return "", fmt.Errorf("the cluster in %s does not run; start it with `coxswain up`", dir)
	}
	if record.NodeName == "" {
		return "", errors.New("the nodes of this cluster are simulated and hold no images")
	}
	return layout.Layout{Dir: dir, Record: record}.First().Socket(), nil
}
