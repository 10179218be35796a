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
		Short: "Put local images on the nodes",
	}
	command.AddCommand(newLoad(streams))
	return command
}
