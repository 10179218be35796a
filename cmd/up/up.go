// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

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
	"coxswain.dev/coxswain/internal/trim"
)

// New makes the command.
func New(streams cli.Streams) *cobra.Command {
	o := newFlags()
	command := &cobra.Command{
		Use:   "up",
		Short: "Start a whole cluster on this machine",
		Long: `Starts API server, controllers, scheduler, node agent, service proxy and DNS in one process and merges a context into
your kubeconfig. Runs until Ctrl-C; containers keep running then, and the next start finds everything as it was.
"coxswain down" stops them, too.

Without root rights the nodes are simulated: everything works but there are no real containers behind the pods.`,
		Args: cobra.NoArgs,
		RunE: func(command *cobra.Command, _ []string) error {
			s, err := o.complete()
			if err != nil {
				return err
			}
			if s.detach && os.Getenv(detached) == "" {
				return runDetached(command.Context(), s, os.Args[1:], streams)
			}
			return run(command.Context(), s, streams)
		},
	}
	o.addFlags(command.Flags())
	return command
}

// run is the command in the foreground, and in the child of --detach.
func run(ctx context.Context, s *settings, streams cli.Streams) (retErr error) {
	began := time.Now()
	unlock, err := s.dir.Lock()
	if err != nil {
		return err
	}
	defer unlock()
	log, err := cli.LogFile(s.dir.Log())
	if err != nil {
		return fmt.Errorf("opening the log: %w", err)
	}
	defer func() { retErr = errors.Join(retErr, log.Close()) }()
	logger := cli.Logger(log, s.verbosity)
	ctx = ctrl.LoggerInto(ctx, logger)

	background := s.detach
	progress := cli.Progress{Out: streams.Out}
	if s.simulate && os.Geteuid() != 0 {
		progress.Note("Not root: the nodes are simulated, no real containers run. Start as root for those.")
	}
	c := newCluster(s, progress)
	ready := func() {
		if err := trim.AfterStart(); err != nil {
			logger.V(2).Info("Some memory was not given back", "reason", err.Error())
		}
		progress.Done("cluster ready", time.Since(began))
		if background {
			fmt.Fprintln(streams.Out, readyLine)
			leaveTerminal(log)
			return
		}
		progress.Note("API server %s, context %q, log %s", s.server(), s.name, s.dir.Log())
		progress.Note("Ctrl-C stops it; containers keep running. `coxswain down` removes them.")
	}
	trim.AfterPeaks(ctx)
	err = c.run(ctx, ready)
	if err == nil && !background {
		progress.Note("stopped")
	}
	return err
}

// leaveTerminal lets go of the starter's pipe, so that what is still printed goes to the log and cannot fail.
func leaveTerminal(log io.Writer) {
	file, ok := log.(*os.File)
	if !ok {
		return
	}
	redirect(file)
}
