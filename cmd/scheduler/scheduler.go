// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package scheduler is `coxswain scheduler`, or the binary called as kube-scheduler.
package scheduler

import (
	"context"
	"net"
	"net/http"
	"strconv"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/cmd/endpoint"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/internal/serving"
	"coxswain.dev/coxswain/scheduler"
	"coxswain.dev/coxswain/scheduler/options"
)

// New makes the command.
func New(cli.Streams) *cobra.Command {
	o := options.New()
	return cli.Part("scheduler", "The scheduler (flags of kube-scheduler)", o.AddFlags, func(ctx context.Context) error {
		completed, err := o.Complete()
		if err != nil {
			return err
		}
		return run(ctx, completed)
	})
}

func run(ctx context.Context, completed options.Completed) error {
	if err := cli.AwaitAPIServer(ctx, completed.Config().Rest); err != nil {
		return cli.Stopped(ctx, err)
	}
	decide, err := scheduler.New(completed.Config())
	if err != nil {
		return err
	}
	parts := &lifecycle.Together{}
	parts.Add("scheduler", func(context.Context) (lifecycle.Component, error) { return decide, nil })
	if where := completed.Serving(); where.SecurePort != 0 {
		server, err := endpoint.New(endpoint.Config{
			Config: serving.Config{
				Addresses: []string{net.JoinHostPort(where.BindAddress, strconv.Itoa(where.SecurePort))},
				Metrics:   decide.Gatherer(),
				Handlers:  Handlers(decide),
			},
			Rest:         completed.Config().Rest,
			ClientCAFile: where.ClientCAFile, CertFile: where.CertFile, KeyFile: where.KeyFile,
		})
		if err != nil {
			return err
		}
		parts.Add("endpoint", func(context.Context) (lifecycle.Component, error) { return server, nil })
	}
	return parts.Start(ctx)
}

// Handlers are the paths of the scheduler beside health and metrics: why pods went where they did.
func Handlers(s *scheduler.Scheduler) map[string]http.Handler {
	return map[string]http.Handler{scheduler.DebugPath: s.Handler()}
}
