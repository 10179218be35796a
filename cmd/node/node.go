// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package node is `coxswain node`: the second node of a machine and those after it, each a process of its own in
// namespaces of its own. `coxswain up --nodes=3` starts two of them, and `coxswain down` removes them; nobody else needs
// the command.
//
//	node.go     the command, within the node's namespaces
//	parts.go    what runs on the node
//	process.go  the same as a component of the main process, which starts the command
//	remove.go   removal of all that a node has
package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"

	"coxswain.dev/coxswain/cmd/cli"
	"coxswain.dev/coxswain/cmd/layout"
	"coxswain.dev/coxswain/internal/instance"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/internal/nodespace"
	"coxswain.dev/coxswain/internal/trim"
	"coxswain.dev/coxswain/nodeagent/cleanup"
	"coxswain.dev/coxswain/proxy/network"
)

// readyLine is what the command prints once the node is Ready.
const readyLine = "READY"

// patience is how long to wait for the node's process before this one, which ends when its main process has gone.
const patience = 30 * time.Second

type flags struct {
	dataDir           string
	number, verbosity int
	remove, purge     bool
}

// New makes the command. It is not shown in the list of commands.
func New(streams cli.Streams) *cobra.Command {
	f := &flags{}
	command := &cobra.Command{
		Use:    "node",
		Short:  "Run a further node of this machine (started by `coxswain up --nodes=N`)",
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			return f.run(command.Context(), streams)
		},
	}
	command.Flags().StringVar(&f.dataDir, "data-dir", string(instance.DefaultDir()), "folder that keeps the cluster's data")
	command.Flags().IntVar(&f.number, "number", 0, "which node, from 2")
	command.Flags().BoolVar(&f.remove, "remove", false, "remove the node's containers instead of running it")
	command.Flags().BoolVar(&f.purge, "purge", false, "with --remove: also delete the node's folder, images included")
	command.Flags().IntVarP(&f.verbosity, "v", "v", 1, "how much to log, 0 to 10")
	return command
}

func (f *flags) run(ctx context.Context, streams cli.Streams) (retErr error) {
	if err := nodespace.CheckOwn(); err != nil {
		return fmt.Errorf("%w; `coxswain up --nodes=N` starts this command", err)
	}
	dir := instance.Dir(f.dataDir)
	record, err := dir.Load()
	if err != nil {
		return fmt.Errorf("reading the cluster's record: %w", err)
	}
	nodes := layout.Layout{Dir: dir, Record: record}.Nodes()
	if f.number < 2 || f.number > len(nodes) {
		return fmt.Errorf("--number: the cluster in %s has no further node %d", dir, f.number)
	}
	n := nodes[f.number-1]
	unlock, err := n.Dir().AwaitLock(ctx, patience)
	if err != nil {
		return err
	}
	defer unlock()
	if f.remove {
		return cleanup.Node(ctx, n.Cleanup(f.purge))
	}
	log, err := cli.LogFile(n.Dir().Log())
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer func() { retErr = errors.Join(retErr, log.Close()) }()
	ctx = ctrl.LoggerInto(ctx, cli.Logger(log, f.verbosity))
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, streams.In) // ends when the main process does, however that happens
		cancel()
	}()
	return f.serve(ctx, n, streams)
}

// serve runs the node until ctx ends.
func (f *flags) serve(ctx context.Context, n layout.Node, streams cli.Streams) error {
	if err := nodespace.SetHostname(n.Name); err != nil {
		return err
	}
	cable, err := n.Cable()
	if err != nil {
		return err
	}
	if err := network.Join(cable); err != nil {
		return fmt.Errorf("preparing the network of node %s: %w", n.Name, err)
	}
	trim.AfterPeaks(ctx)
	parts := &lifecycle.Together{}
	parts.Add("node agent", func(context.Context) (lifecycle.Component, error) { return newAgent(n) })
	parts.Add("proxy", func(context.Context) (lifecycle.Component, error) { return newProxy(n) })
	go func() {
		select {
		case <-parts.Ready():
			if err := trim.AfterStart(); err != nil {
				ctrl.LoggerFrom(ctx).V(2).Info("Some memory was not given back", "reason", err.Error())
			}
			fmt.Fprintln(streams.Out, readyLine)
		case <-ctx.Done():
		}
	}()
	return parts.Start(ctx)
}

// self is the path of this program.
func self() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding this program: %w", err)
	}
	return path, nil
}
