// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// WatchAddresses calls a function with all IPv4 addresses of the node, at
// first and whenever one comes or goes, until the context ends. It watches the
// network namespace that it was called in.
func WatchAddresses(ctx context.Context, changed func([]netip.Addr)) error {
	done := make(chan struct{})
	events := make(chan netlink.AddrUpdate, 64)
	if err := netlink.AddrSubscribe(events, done); err != nil {
		return fmt.Errorf("subscribing to changes of addresses: %w", err)
	}
	defer func() {
		close(done)
		for range events { // the subscription closes the channel when it is through
		}
	}()
	for {
		addresses, err := LocalAddresses()
		if err != nil {
			return err
		}
		changed(addresses)
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-events:
			if !open {
				return fmt.Errorf("the kernel ended the subscription to changes of addresses")
			}
		}
		for len(events) > 0 { // one look is enough for a burst
			<-events
		}
	}
}
