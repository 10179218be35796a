// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Command coxswain is a whole Kubernetes cluster: every part of it, alone or together, and kubectl.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"coxswain.dev/coxswain/cmd"
	"coxswain.dev/coxswain/cmd/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cmd.Run(ctx, os.Args, cli.Streams{In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
	stop()
	os.Exit(code)
}
