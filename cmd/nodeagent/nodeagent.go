// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package nodeagent is `coxswain node-agent`, or the binary called as kubelet.
package nodeagent

import (
	"context"

	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/nodeagent"
	"coxswain.dev/coxswain/nodeagent/options"
)

// New makes the command.
func New(cli.Streams) *cobra.Command {
	o := options.New()
	return cli.Part("node-agent", "The node agent, with its own containerd or another runtime (flags of kubelet)", o.AddFlags, func(ctx context.Context) error {
		completed, err := o.Complete()
		if err != nil {
			return err
		}
		if ignored := completed.Ignored(); len(ignored) > 0 {
			ctrl.LoggerFrom(ctx).Info("Some settings have no effect here", "settings", ignored)
		}
		if err := cli.AwaitAPIServer(ctx, completed.Config().Rest); err != nil {
			return cli.Stopped(ctx, err)
		}
		agent, err := nodeagent.New(completed.Config())
		if err != nil {
			return err
		}
		return agent.Start(ctx)
	})
}
