// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"coxswain.dev/coxswain/cmd/apiserver"
	"coxswain.dev/coxswain/cmd/certs"
	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/cmd/controllermanager"
	"coxswain.dev/coxswain/cmd/down"
	"coxswain.dev/coxswain/cmd/etcd"
	"coxswain.dev/coxswain/cmd/images"
	"coxswain.dev/coxswain/cmd/kubectl"
	"coxswain.dev/coxswain/cmd/node"
	"coxswain.dev/coxswain/cmd/nodeagent"
	"coxswain.dev/coxswain/cmd/proxy"
	"coxswain.dev/coxswain/cmd/scheduler"
	"coxswain.dev/coxswain/cmd/up"
	"coxswain.dev/coxswain/cmd/version"
)

// aliases are the names under which the binary may be called, and the subcommand each stands for: a link of that name
// takes the flags that the program of that name takes.
var aliases = map[string]string{
	"etcd":                    "etcd",
	"kube-apiserver":          "apiserver",
	"kube-controller-manager": "controller-manager",
	"kube-scheduler":          "scheduler",
	"kubelet":                 "node-agent",
	"kube-proxy":              "proxy",
	"kubectl":                 "kubectl",
}

// Run runs the command line args, args[0] being the program's name, and returns the exit code. An error is printed as
// one line.
func Run(ctx context.Context, args []string, streams cli.Streams) int {
	name := filepath.Base(args[0])
	rest := args[1:]
	prefix := []string{name}
	if alias, ok := aliases[name]; ok {
		rest = append([]string{alias}, rest...)
	} else if len(rest) > 0 {
		prefix = args[:2]
	}
	root := newRoot(streams, prefix)
	root.SetArgs(rest)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	exit := &cli.ExitError{Code: 1, Err: err}
	_ = errors.As(err, &exit) // keeps code 1 for any other error
	if exit.Err != nil {
		fmt.Fprintf(streams.Err, "error: %s\n", cli.OneLine(exit.Err))
	}
	return exit.Code
}

func newRoot(streams cli.Streams, prefix []string) *cobra.Command {
	root := &cobra.Command{
		Use:           "coxswain",
		Short:         "A whole Kubernetes cluster in one small program",
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.AddGroup(
		&cobra.Group{ID: "cluster", Title: "A cluster:"},
		&cobra.Group{ID: "parts", Title: "Its parts, each alone:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, command := range commands {
			command.GroupID = group
			root.AddCommand(command)
		}
	}
	add("cluster", up.New(streams), down.New(streams), images.New(streams), certs.New(streams))
	add("parts", etcd.New(streams), apiserver.New(streams), controllermanager.New(streams), scheduler.New(streams), nodeagent.New(streams), proxy.New(streams))
	root.AddCommand(node.New(streams), version.New(streams))
	// kubectl's tree is big: it is made only when it is asked for, or for the list of commands.
	if len(prefix) == 2 && prefix[1] == "kubectl" || prefix[0] == "kubectl" {
		add("cluster", kubectl.New(streams, prefix))
	} else {
		add("cluster", &cobra.Command{Use: "kubectl", Short: "kubectl, for this and any other cluster", Run: func(*cobra.Command, []string) {}})
	}
	return root
}
