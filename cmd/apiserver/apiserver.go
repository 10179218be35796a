// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package apiserver is `coxswain apiserver`, or the binary called as kube-apiserver.
package apiserver

import (
	"context"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/apiserver"
	"coxswain.dev/coxswain/apiserver/options"
	"coxswain.dev/coxswain/cmd/cli"
)

// New makes the command.
func New(cli.Streams) *cobra.Command {
	o := options.New()
	return cli.Part("apiserver", "The API server, with an embedded etcd or your own (flags of kube-apiserver)", o.AddFlags, func(ctx context.Context) error {
		completed, err := o.Complete()
		if err != nil {
			return err
		}
		server, err := apiserver.New(completed.Config())
		if err != nil {
			return err
		}
		return server.Start(ctx)
	})
}
