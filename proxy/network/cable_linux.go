// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Plug lays the cable from the bridge to the network namespace behind the file namespace, unless it lies there already.
// A cable of that name to another namespace is one that an earlier node has left; it is replaced.
func Plug(cable Cable, namespace string) (retErr error) {
	file, err := os.Open(namespace)
	if err != nil {
		return fmt.Errorf("opening the network namespace of a node: %w", err)
	}
	defer func() { retErr = errors.Join(retErr, file.Close()) }()
	bridge, err := netlink.LinkByName(cable.Bridge)
	if err != nil {
		return fmt.Errorf("looking for bridge %s: %w", cable.Bridge, err)
	}
	outer, err := netlink.LinkByName(cable.Outer)
	switch {
	case err == nil && leadsTo(outer, file):
	case err == nil:
		if err := netlink.LinkDel(outer); err != nil && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("removing %s, which leads elsewhere: %w", cable.Outer, err)
		}
		fallthrough
	case errors.As(err, &netlink.LinkNotFoundError{}):
		if outer, err = lay(cable, file); err != nil {
			return err
		}
	default:
		return fmt.Errorf("looking for %s: %w", cable.Outer, err)
	}
	if err := netlink.LinkSetMaster(outer, bridge); err != nil {
		return fmt.Errorf("plugging %s into %s: %w", cable.Outer, cable.Bridge, err)
	}
	// A node port of another node may lead back to the client's own node: since bridge-nf-call-iptables translates on the
	// bridge, such a packet leaves by the port it came in by, which a bridge forbids unless told otherwise.
	if err := netlink.LinkSetHairpin(outer, true); err != nil {
		return fmt.Errorf("letting packets of %s turn round: %w", cable.Outer, err)
	}
	if err := netlink.LinkSetUp(outer); err != nil {
		return fmt.Errorf("bringing %s up: %w", cable.Outer, err)
	}
	return nil
}

func lay(cable Cable, namespace *os.File) (netlink.Link, error) {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = cable.Outer
	err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: cable.Inner, PeerNamespace: netlink.NsFd(int(namespace.Fd()))})
	if err != nil {
		return nil, fmt.Errorf("adding %s: %w", cable.Outer, err)
	}
	return netlink.LinkByName(cable.Outer)
}

// leadsTo tells whether the other end of a pair is in the namespace.
func leadsTo(outer netlink.Link, namespace *os.File) bool {
	id, err := netlink.GetNetNsIdByFd(int(namespace.Fd()))
	return err == nil && outer.Type() == "veth" && id >= 0 && outer.Attrs().NetNsID == id
}

// Unplug removes the cable, both ends of it. It is no error that there is none.
func Unplug(cable Cable) error {
	outer, err := netlink.LinkByName(cable.Outer)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for %s: %w", cable.Outer, err)
	}
	if err := netlink.LinkDel(outer); err != nil && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("removing %s: %w", cable.Outer, err)
	}
	return nil
}

// Join makes the network of a node that hangs on a cable, in the network namespace of the calling thread. Running it
// again repairs what is missing.
func Join(cable Cable) error {
	if err := SetSysctls(); err != nil {
		return err
	}
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("looking for lo: %w", err)
	}
	inner, err := netlink.LinkByName(cable.Inner)
	if err != nil {
		return fmt.Errorf("looking for %s: %w", cable.Inner, err)
	}
	for _, link := range []netlink.Link{loopback, inner} {
		if err := netlink.LinkSetUp(link); err != nil {
			return fmt.Errorf("bringing %s up: %w", link.Attrs().Name, err)
		}
	}
	if err := netlink.AddrReplace(inner, &netlink.Addr{IPNet: ipNet(cable.Address)}); err != nil {
		return fmt.Errorf("giving %s the address %s: %w", cable.Inner, cable.Address, err)
	}
	err = netlink.RouteReplace(&netlink.Route{LinkIndex: inner.Attrs().Index, Gw: cable.Gateway.AsSlice(), Protocol: ownRoutes})
	if err != nil {
		return fmt.Errorf("adding the route via %s: %w", cable.Gateway, err)
	}
	return routeServices(inner, cable.ServiceCIDRs, cable.Address.Addr())
}
