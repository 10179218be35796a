// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// WatchRoutes calls lost when a route of ours has gone, also when it was SyncRoutes that deleted it, until ctx ends.
// It fails when the kernel ends the subscription, for instance after more changes at once than it keeps.
func WatchRoutes(ctx context.Context, lost func()) error {
	done := make(chan struct{})
	events := make(chan netlink.RouteUpdate, 64)
	if err := netlink.RouteSubscribe(events, done); err != nil {
		return fmt.Errorf("subscribing to changes of routes: %w", err)
	}
	defer func() {
		close(done)
		for range events { // the subscription closes the channel when it is through
		}
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case event, open := <-events:
			if !open {
				return fmt.Errorf("the kernel ended the subscription to changes of routes")
			}
			if event.Type == unix.RTM_DELROUTE && event.Protocol == ownRoutes {
				lost()
			}
		}
	}
}
