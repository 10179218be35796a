// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apiserver is `coxswain apiserver`, or the binary called as kube-apiserver.
package apiserver

import (
	"os"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/options"
	"coxswain.dev/coxswain/cmd/cli"
)

// New makes the command.
func New(cli.Streams) *cobra.Command {
	o := options.New()
	command := &cobra.Command{
		Use:   "apiserver",
		Short: "The API server, with an embedded etcd or your own (flags of kube-apiserver)",
		Args:  cobra.NoArgs,
	}
	o.AddFlags(command.Flags())
	logging := cli.AddLogFlags(command.Flags())
	command.RunE = func(command *cobra.Command, _ []string) error {
		ctx := logging.Context(command.Context(), os.Stderr)
		completed, err := o.Complete()
		if err != nil {
			return err
		}
		server, err := apiserver.New(completed.Config())
		if err != nil {
			return err
		}
		return server.Start(ctx)
	}
	return command
}
