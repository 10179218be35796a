// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"coxswain.dev/coxswain/cmd/layout"
	"coxswain.dev/coxswain/internal/nodespace"
	"coxswain.dev/coxswain/proxy/network"
)

// Remove ends a further node and removes its containers, its cable and its namespaces; purge removes its folder, too.
// It works from what is there, also after a crash, and may be repeated. The cluster's record must still have the node.
func Remove(ctx context.Context, n layout.Node, purge bool) error {
	if err := n.Dir().Stop(ctx, stopGrace); err != nil {
		return fmt.Errorf("stopping node %s: %w", n.Name, err)
	}
	if err := removeContainers(ctx, n, purge); err != nil {
		return fmt.Errorf("removing node %s: %w", n.Name, err)
	}
	cable, err := n.Cable()
	if err != nil {
		return err
	}
	return errors.Join(network.Unplug(cable), nodespace.Remove(n.Handles(), strconv.Itoa(n.Number)))
}

// removeContainers runs the command within the node's namespaces, where its mounts and interfaces are.
func removeContainers(ctx context.Context, n layout.Node, purge bool) error {
	// No cable is needed, and the bridge may be gone already.
	space, err := nodespace.Ensure(n.Handles(), strconv.Itoa(n.Number), string(n.Layout.Dir), n.Record.RunDir)
	if err != nil {
		return err
	}
	command, err := commandFor(n, "--remove", "--purge="+strconv.FormatBool(purge))
	if err != nil {
		return err
	}
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := space.Start(command); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = command.Process.Kill() })
	defer stop()
	if err := command.Wait(); err != nil {
		said := strings.TrimPrefix(strings.TrimSpace(output.String()), "error: ")
		return errors.Join(ctx.Err(), errors.New(said), err)
	}
	return nil
}
