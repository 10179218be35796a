// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package images

import (
	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
)

// New makes the command.
func New(streams cli.Streams) *cobra.Command {
	command := &cobra.Command{
		Use:   "images",
		Short: "Build, load, list and remove images of the nodes on this machine",
	}
	command.AddCommand(newBuild(streams), newLoad(streams), newList(streams), newRemove(streams))
	return command
}
