// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package etcd is `coxswain etcd`, or the binary called as etcd.
package etcd

import (
	"context"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/apiserver/etcd"
	"coxswain.dev/coxswain/cmd/cli"
)

// New makes the command.
func New(cli.Streams) *cobra.Command {
	o := etcd.NewMemberOptions()
	return cli.Part("etcd", "The store, for API servers that run apart (flags of etcd)", o.AddFlags, func(ctx context.Context) error {
		config, err := o.Complete()
		if err != nil {
			return err
		}
		return etcd.NewMember(config).Start(ctx)
	})
}
