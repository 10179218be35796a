// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"

	"coxswain.dev/coxswain/cmd/layout"
	"coxswain.dev/coxswain/internal/lifecycle"
	"coxswain.dev/coxswain/internal/nodespace"
	"coxswain.dev/coxswain/proxy/network"
)

const (
	firstBackOff = 200 * time.Millisecond
	maxBackOff   = 30 * time.Second
	// stable is how long the process must have run for its next death to count as the first.
	stable = time.Minute
	// stopGrace is what the process gets to end by itself; its containerd gets a part of it.
	stopGrace = 20 * time.Second
)

// Process is a further node as the main process has it: a child that is started again when it dies. What it needs
// (its record, its kubeconfigs) must be there before Start.
//
//	Start ─► namespaces, cable ─► launch ─► READY ─► dies ─► back off ─► namespaces, cable …
type Process struct {
	node      layout.Node
	verbosity int
	clock     clock.WithTicker
	ready     chan struct{}
	once      sync.Once
}

var _ lifecycle.Component = (*Process)(nil)

// NewProcess makes the component of one node.
func NewProcess(n layout.Node, verbosity int) *Process {
	return &Process{node: n, verbosity: verbosity, clock: clock.RealClock{}, ready: make(chan struct{})}
}

// Ready implements lifecycle.Component: the node was Ready for the first time.
func (p *Process) Ready() <-chan struct{} { return p.ready }

// Start implements lifecycle.Component. It fails when the process ends before the node was ever Ready.
func (p *Process) Start(ctx context.Context) error {
	logger := ctrl.LoggerFrom(ctx).WithValues("node", p.node.Name)
	for backOff := firstBackOff; ; {
		began := p.clock.Now()
		err := p.run(ctx)
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-p.ready:
		default:
			return err
		}
		if p.clock.Since(began) > stable {
			backOff = firstBackOff
		}
		logger.Error(err, "The process of a node ended; starting it again", "after", backOff, "log", p.node.Dir().Log())
		select {
		case <-p.clock.After(backOff):
		case <-ctx.Done():
			return nil
		}
		backOff = min(2*backOff, maxBackOff)
	}
}

// run is one life of the process; it returns when that has ended, always with an error.
func (p *Process) run(ctx context.Context) error {
	space, err := enter(p.node)
	if err != nil {
		return err
	}
	command, err := commandFor(p.node, "--v="+strconv.Itoa(p.verbosity))
	if err != nil {
		return err
	}
	alive, err := command.StdinPipe() // its end is how the child learns of ours
	if err != nil {
		return err
	}
	output, err := command.StdoutPipe()
	if err != nil {
		return err
	}
	command.Stderr = command.Stdout
	if err := space.Start(command); err != nil {
		return fmt.Errorf("starting the process of node %s: %w", p.node.Name, err)
	}
	ended := make(chan error, 1)
	go func() {
		said := p.follow(output)
		if err := command.Wait(); err != nil {
			ended <- errors.Join(errors.New(said), err)
			return
		}
		ended <- errors.New("it ended by itself")
	}()
	select {
	case err := <-ended:
		return fmt.Errorf("running node %s: %w", p.node.Name, err)
	case <-ctx.Done():
	}
	_ = alive.Close() // fails only when the child is gone
	select {
	case <-ended:
	case <-p.clock.After(stopGrace):
		_ = command.Process.Kill()
		<-ended
	}
	return ctx.Err()
}

// follow reads what the child prints until it ends, and returns the last line that is not READY.
func (p *Process) follow(output io.Reader) string {
	said := "it said nothing"
	for lines := bufio.NewScanner(output); lines.Scan(); {
		if lines.Text() == readyLine {
			p.once.Do(func() { close(p.ready) })
			continue
		}
		said = strings.TrimPrefix(lines.Text(), "error: ")
	}
	return said
}

// enter returns the namespaces of a node with its cable plugged in.
func enter(n layout.Node) (nodespace.Space, error) {
	space, err := nodespace.Ensure(n.Handles(), strconv.Itoa(n.Number), string(n.Layout.Dir), n.Record.RunDir)
	if err != nil {
		return space, err
	}
	cable, err := n.Cable()
	if err != nil {
		return space, err
	}
	return space, network.Plug(cable, space.Network())
}

// commandFor is `coxswain node` for that node. It is in a process group of its own: a Ctrl-C is for the main process,
// which stops its parts in their order.
func commandFor(n layout.Node, more ...string) (*exec.Cmd, error) {
	program, err := self()
	if err != nil {
		return nil, err
	}
	command := exec.Command(program, append([]string{"node", "--data-dir=" + string(n.Layout.Dir), "--number=" + strconv.Itoa(n.Number)}, more...)...)
	command.SysProcAttr = nodespace.Attributes()
	return command, nil
}
