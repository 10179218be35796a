// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"coxswain.dev/coxswain/internal/trim"
)

// Part makes the command of one part of a cluster that runs alone: its own flags and those of the log, which goes to
// standard error. run blocks until ctx ends.
func Part(use, short string, addFlags func(*pflag.FlagSet), run func(ctx context.Context) error) *cobra.Command {
	command := &cobra.Command{Use: use, Short: short, Args: cobra.NoArgs}
	addFlags(command.Flags())
	logging := AddLogFlags(command.Flags())
	command.RunE = func(command *cobra.Command, _ []string) error {
		ctx := logging.Context(command.Context(), os.Stderr)
		trim.AfterPeaks(ctx)
		return run(ctx)
	}
	return command
}
