// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Setup makes the node's network in the network namespace of the calling
// thread. Running it again repairs what is missing.
func Setup(cfg Config) error {
	if err := SetSysctls(); err != nil {
		return err
	}
	here, err := held()
	if err != nil {
		return err
	}
	if err := checkFree(cfg, here); err != nil {
		return err
	}
	bridge, err := ensureBridge(cfg.NodeBridge)
	if err != nil {
		return err
	}
	address := &netlink.Addr{IPNet: ipNet(cfg.NodeAddress)}
	if err := netlink.AddrReplace(bridge, address); err != nil {
		return fmt.Errorf("giving %s the address %s: %w", cfg.NodeBridge, cfg.NodeAddress, err)
	}
	if err := netlink.LinkSetUp(bridge); err != nil {
		return fmt.Errorf("bringing %s up: %w", cfg.NodeBridge, err)
	}
	return routeServices(bridge, cfg.ServiceCIDRs, cfg.NodeAddress.Addr())
}

// routeServices lets the node itself reach services. Nothing answers there: the address is translated before it matters
// where the route leads. It only decides the source address.
func routeServices(link netlink.Link, ranges []netip.Prefix, source netip.Addr) error {
	for _, services := range ranges {
		err := netlink.RouteReplace(&netlink.Route{
			LinkIndex: link.Attrs().Index, Dst: ipNet(services.Masked()),
			Src: source.AsSlice(), Scope: netlink.SCOPE_LINK, Protocol: ownRoutes,
		})
		if err != nil {
			return fmt.Errorf("adding the route to services %s: %w", services, err)
		}
	}
	return nil
}

// held lists the addresses of this machine.
func held() ([]holder, error) {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, fmt.Errorf("listing network interfaces: %w", err)
	}
	var all []holder
	for _, one := range interfaces {
		addresses, err := one.Addrs()
		if err != nil {
			continue // it went away meanwhile
		}
		for _, address := range addresses {
			if prefix, err := netip.ParsePrefix(address.String()); err == nil {
				all = append(all, holder{one.Name, prefix})
			}
		}
	}
	return all, nil
}

// ownRoutes is the protocol number by which we know our routes.
const ownRoutes netlink.RouteProtocol = 99

func ensureBridge(name string) (netlink.Link, error) {
	link, err := netlink.LinkByName(name)
	if err == nil {
		if link.Type() != "bridge" {
			return nil, fmt.Errorf("the network interface %s exists and is no bridge but a %s; choose another name or remove it", name, link.Type())
		}
		return link, nil
	}
	if !errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil, fmt.Errorf("looking for bridge %s: %w", name, err)
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = name
	if err := netlink.LinkAdd(&netlink.Bridge{LinkAttrs: attributes}); err != nil && !errors.Is(err, unix.EEXIST) {
		return nil, fmt.Errorf("adding bridge %s: %w", name, err)
	}
	if link, err = netlink.LinkByName(name); err != nil {
		return nil, fmt.Errorf("looking for bridge %s: %w", name, err)
	}
	// An address that was set stays. Otherwise the bridge takes that of the lowest port, and every node that comes or goes
	// makes the others send to an address that is nobody's any more.
	if err := netlink.LinkSetHardwareAddr(link, link.Attrs().HardwareAddr); err != nil {
		return nil, fmt.Errorf("keeping the hardware address of %s: %w", name, err)
	}
	return link, nil
}

// Remove deletes the bridges, what is still plugged into them, and all routes
// over them. What is gone already is no error.
func Remove(cfg Config) error {
	var errs []error
	for _, name := range []string{cfg.PodBridge, cfg.NodeBridge} {
		if name != "" {
			errs = append(errs, removeBridge(name))
		}
	}
	routes, err := listOwnRoutes()
	errs = append(errs, err)
	for i := range routes {
		if via, ok := netip.AddrFromSlice(routes[i].Gw.To4()); !ok || !cfg.NodeAddress.Masked().Contains(via) {
			continue // of another cluster, or gone with its bridge
		}
		if err := netlink.RouteDel(&routes[i]); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("deleting the route to %s: %w", routes[i].Dst, err))
		}
	}
	return errors.Join(errs...)
}

func removeBridge(name string) error {
	bridge, err := netlink.LinkByName(name)
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for bridge %s: %w", name, err)
	}
	if bridge.Type() != "bridge" {
		return nil // not ours
	}
	links, err := netlink.LinkList()
	if err != nil {
		return fmt.Errorf("listing network interfaces: %w", err)
	}
	var errs []error
	for _, link := range append(links, bridge) {
		plugged := link.Attrs().MasterIndex == bridge.Attrs().Index && link.Type() == "veth"
		if !plugged && link != bridge {
			continue
		}
		if err := netlink.LinkDel(link); err != nil && !errors.Is(err, unix.ENODEV) {
			errs = append(errs, fmt.Errorf("deleting %s: %w", link.Attrs().Name, err))
		}
	}
	return errors.Join(errs...)
}

func ipNet(prefix netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: prefix.Addr().AsSlice(), Mask: net.CIDRMask(prefix.Bits(), prefix.Addr().BitLen())}
}
