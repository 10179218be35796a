// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/internal/images"
)

func newRemove(streams cli.Streams) *cobra.Command {
	var of cluster
	command := &cobra.Command{
		Use:     "remove IMAGE...",
		Aliases: []string{"rm"},
		Short:   "Remove images from the nodes of this machine",
		Long: `Removes images, given by a name or the beginning of their ID, with all their names, from every node of the cluster.
Containers that run on them go on.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(command *cobra.Command, which []string) (retErr error) {
			nodes, err := of.connect()
			if err != nil {
				return err
			}
			defer func() { retErr = errors.Join(retErr, nodes.Close()) }()
			var errs []error
			for _, image := range which {
				errs = append(errs, remove(command.Context(), streams.Out, nodes, image))
			}
			return errors.Join(errs...)
		},
	}
	of.addFlags(command.Flags())
	return command
}

// remove removes one image wherever it is; that it is nowhere is an error.
func remove(ctx context.Context, out io.Writer, nodes images.Nodes, which string) error {
	var mu sync.Mutex
	var removed []string // guarded by mu
	_, err := nodes.Each(func(node *images.Node) error {
		names, err := node.Remove(ctx, which)
		mu.Lock()
		defer mu.Unlock()
		removed = append(removed, names...)
		return err
	})
	slices.Sort(removed)
	for _, name := range slices.Compact(removed) {
		fmt.Fprintf(out, "image %q removed\n", name)
	}
	if err == nil && len(removed) == 0 {
		return fmt.Errorf("no node has an image %q", which)
	}
	return err
}
