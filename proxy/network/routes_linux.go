// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
)

// SyncRoutes makes the routes to other nodes' pods exactly what the Nodes say.
// It touches only routes that it made itself.
func SyncRoutes(self string, clusterCIDRs []netip.Prefix, nodes []*corev1.Node) error {
	neighbours, err := networks()
	if err != nil {
		return err
	}
	wanted := wantedRoutes(self, clusterCIDRs, neighbours, nodes)
	existing, err := listOwnRoutes()
	if err != nil {
		return err
	}
	have := map[route]bool{}
	keep := map[netip.Prefix]bool{}
	for _, r := range wanted {
		keep[r.pods] = true
	}
	var errs []error
	for i := range existing {
		r, ok := podRoute(&existing[i])
		if !ok || !ours(clusterCIDRs, r.pods) {
			continue
		}
		if keep[r.pods] {
			have[r] = true
			continue
		}
		if err := netlink.RouteDel(&existing[i]); err != nil && !errors.Is(err, unix.ESRCH) {
			errs = append(errs, fmt.Errorf("deleting the route to pods %s: %w", r.pods, err))
		}
	}
	for _, r := range wanted {
		if have[r] {
			continue
		}
		err := netlink.RouteReplace(&netlink.Route{Dst: ipNet(r.pods), Gw: r.via.AsSlice(), Protocol: ownRoutes})
		if err != nil {
			errs = append(errs, fmt.Errorf("adding the route to pods %s via %s: %w", r.pods, r.via, err))
		}
	}
	return errors.Join(errs...)
}

func listOwnRoutes() ([]netlink.Route, error) {
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Protocol: ownRoutes}, netlink.RT_FILTER_PROTOCOL)
	if err != nil {
		return nil, fmt.Errorf("listing routes: %w", err)
	}
	return routes, nil
}

// podRoute reads a route back; one without a gateway is the route to services.
func podRoute(from *netlink.Route) (route, bool) {
	if from.Dst == nil || from.Gw == nil {
		return route{}, false
	}
	addr, ok := netip.AddrFromSlice(from.Dst.IP.To4())
	via, ok2 := netip.AddrFromSlice(from.Gw.To4())
	ones, _ := from.Dst.Mask.Size()
	return route{netip.PrefixFrom(addr, ones), via}, ok && ok2
}

// LocalAddresses lists the IPv4 addresses of all interfaces.
func LocalAddresses() ([]netip.Addr, error) {
	prefixes, err := networks()
	if err != nil {
		return nil, err
	}
	var addresses []netip.Addr
	for _, prefix := range prefixes {
		addresses = append(addresses, prefix.Addr())
	}
	return addresses, nil
}

// networks lists the addresses of all interfaces with their ranges.
func networks() ([]netip.Prefix, error) {
	listed, err := netlink.AddrList(nil, netlink.FAMILY_V4)
	if err != nil {
		return nil, fmt.Errorf("listing the node's addresses: %w", err)
	}
	var prefixes []netip.Prefix
	for _, address := range listed {
		if addr, ok := netip.AddrFromSlice(address.IP.To4()); ok {
			ones, _ := address.Mask.Size()
			prefixes = append(prefixes, netip.PrefixFrom(addr, ones))
		}
	}
	return prefixes, nil
}
