// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package controllermanager is `coxswain controller-manager`, or the binary called as kube-controller-manager.
package controllermanager

import (
	"context"
	"net"
	"strconv"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/cmd/endpoint"
	"coxswain.dev/coxswain/controllers"
	"coxswain.dev/coxswain/controllers/options"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/internal/serving"
)

// New makes the command.
func New(cli.Streams) *cobra.Command {
	o := options.New()
	return cli.Part("controller-manager", "The controllers (flags of kube-controller-manager)", o.AddFlags, func(ctx context.Context) error {
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
	manager, err := controllers.New(completed.Config())
	if err != nil {
		return err
	}
	parts := &lifecycle.Together{}
	add := func(name string, component lifecycle.Component) {
		parts.Add(name, func(context.Context) (lifecycle.Component, error) { return component, nil })
	}
	add("controllers", manager)
	where := completed.Serving()
	if where.SecurePort != 0 {
		server, err := endpoint.New(endpoint.Config{
			Config: serving.Config{
				Addresses: []string{net.JoinHostPort(where.BindAddress, strconv.Itoa(where.SecurePort))},
				Metrics:   manager.Gatherer(),
			},
			Rest:         completed.Config().Rest,
			ClientCAFile: where.ClientCAFile, CertFile: where.CertFile, KeyFile: where.KeyFile,
		})
		if err != nil {
			return err
		}
		add("endpoint", server)
	}
	return parts.Start(ctx)
}
