// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kubectl is `coxswain kubectl`: kubectl itself, from k8s.io/kubectl.
package kubectl

import (
	"os"

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
	return cmd.NewDefaultKubectlCommandWithArgs(cmd.KubectlOptions{
		PluginHandler: cmd.NewDefaultPluginHandler(plugin.ValidPluginFilenamePrefixes),
		Arguments:     append(prefix[len(prefix)-1:], os.Args[len(prefix):]...),
		ConfigFlags:   genericclioptions.NewConfigFlags(true).WithDeprecatedPasswordFlag().WithDiscoveryBurst(300).WithDiscoveryQPS(50),
		IOStreams:     genericiooptions.IOStreams{In: streams.In, Out: streams.Out, ErrOut: streams.Err},
	})
}
