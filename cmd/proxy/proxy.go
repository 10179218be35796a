// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package proxy is `coxswain proxy`, or the binary called as kube-proxy.
package proxy

import (
	"context"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/proxy"
	"coxswain.dev/coxswain/proxy/options"
)

// New makes the command.
func New(cli.Streams) *cobra.Command {
	o := options.New()
	return cli.Part("proxy", "The service proxy, and the cluster's DNS (flags of kube-proxy)", o.AddFlags, func(ctx context.Context) error {
		completed, err := o.Complete()
		if err != nil {
			return err
		}
		if completed.CleanUp() {
			return proxy.Remove(completed.Config())
		}
		if err := cli.AwaitAPIServer(ctx, completed.Config().Rest); err != nil {
			return cli.Stopped(ctx, err)
		}
		p, err := proxy.New(completed.Config())
		if err != nil {
			return err
		}
		return p.Start(ctx)
	})
}
