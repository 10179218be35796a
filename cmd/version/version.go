// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package version is `coxswain version`.
package version

import (
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/component-base/version"

	"coxswain.dev/coxswain/cmd/cli"
)

// New makes the command.
func New(streams cli.Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of Coxswain and of the API it serves",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := version.Get()
			_, err := fmt.Fprintf(streams.Out, "coxswain %s (%s, %s)\n", v.GitVersion, v.GoVersion, v.Platform)
			return err
		},
	}
}
