// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cleanup

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
)

func removeBridge(name string) error {
	link, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for bridge %s: %w", name, err)
	}
	if link.Type() != "bridge" {
		return fmt.Errorf("removing bridge %s: it is a %s, and not ours", name, link.Type())
	}
	if err := netlink.LinkDel(link); err != nil {
		return fmt.Errorf("removing bridge %s: %w", name, err)
	}
	return nil
}
