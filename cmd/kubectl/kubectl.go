// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kubectl is `coxswain kubectl`: kubectl itself, from k8s.io/kubectl.
package kubectl

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/kubectl/pkg/cmd"
	"k8s.io/kubectl/pkg/cmd/plugin"

	"coxswain.dev/coxswain/cmd/cli"
)

// New makes kubectl's command tree. prefix is what stands before kubectl's own arguments on the command line
// ("coxswain", "kubectl", or "kubectl" alone).
func New(streams cli.Streams, prefix []string) *cobra.Command {
	command := cmd.NewDefaultKubectlCommandWithArgs(cmd.KubectlOptions{
		PluginHandler: cmd.NewDefaultPluginHandler(plugin.ValidPluginFilenamePrefixes),
		Arguments:     append(prefix[len(prefix)-1:], os.Args[len(prefix):]...),
		ConfigFlags:   genericclioptions.NewConfigFlags(true).WithDeprecatedPasswordFlag().WithDiscoveryBurst(300).WithDiscoveryQPS(50),
		IOStreams:     genericiooptions.IOStreams{In: streams.In, Out: streams.Out, ErrOut: streams.Err},
	})
	before := command.PersistentPreRunE
	command.PersistentPreRunE = func(command *cobra.Command, args []string) error {
		// kubectl's commands do not look at the context that our main ends on a signal: they count on the signal itself
		// to end the process (logs -f, port-forward, exec).
		signal.Reset(os.Interrupt, syscall.SIGTERM)
		// The program's name is what clients call themselves to the server, which writes it into managedFields.
		os.Args[0] = "kubectl"
		return before(command, args)
	}
	return command
}
