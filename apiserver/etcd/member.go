// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package etcd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
)

// Member is etcd as a program of its own: one member of a cluster of one or more.
type Member struct {
	config *embed.Config
	ready  chan struct{}
}

// NewMember makes a member of a completed configuration (see MemberOptions).
func NewMember(config *embed.Config) *Member {
	return &Member{config: config, ready: make(chan struct{})}
}

// Ready is closed when the member has joined its cluster and answers clients.
func (m *Member) Ready() <-chan struct{} { return m.ready }

// Start runs the member until ctx ends.
func (m *Member) Start(ctx context.Context) error {
	lock, err := inspect(m.config.Dir)
	if err != nil {
		return err
	}
	defer lock.release()
	running, err := start(ctx, m.config, exceptions{})
	switch {
	case errors.Is(err, context.Canceled):
		return nil
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("starting etcd: %w (stop the other process, or choose other --listen-client-urls and --listen-peer-urls)", addressOf(err))
	case err != nil:
		return fmt.Errorf("starting etcd on %s: %w", m.config.Dir, err)
	}
	defer running.Close()
	close(m.ready)
	select {
	case <-ctx.Done():
		return nil
	case err := <-running.Err():
		return fmt.Errorf("running etcd: %w", err)
	case <-running.Server.StopNotify():
		return errors.New("etcd stopped by itself: was this member removed from its cluster?")
	}
}

// addressOf names the address of a listen error and leaves the rest of the story out.
func addressOf(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Addr != nil {
		return fmt.Errorf("%s is in use by another process", op.Addr)
	}
	return err
}
