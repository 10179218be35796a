// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package etcd is `coxswain etcd`, or the binary called as etcd.
package etcd

import (
	"os"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/apiserver/etcd"
	"coxswain.dev/coxswain/cmd/cli"
)

// New makes the command.
func New(cli.Streams) *cobra.Command {
	o := etcd.NewMemberOptions()
	command := &cobra.Command{
		Use:   "etcd",
		Short: "The store, for API servers that run apart (flags of etcd)",
		Args:  cobra.NoArgs,
	}
	o.AddFlags(command.Flags())
	logging := cli.AddLogFlags(command.Flags())
	command.RunE = func(command *cobra.Command, _ []string) error {
		ctx := logging.Context(command.Context(), os.Stderr)
		config, err := o.Complete()
		if err != nil {
			return err
		}
		return etcd.NewMember(config).Start(ctx)
	}
	return command
}
