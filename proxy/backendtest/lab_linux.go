// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package backendtest

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"coxswain.dev/coxswain/proxy/network"
)

// Addresses of the laboratory.
var (
	PodCIDR     = netip.MustParsePrefix("10.244.0.0/16")
	NodeCIDR    = netip.MustParsePrefix("10.245.0.0/24")
	ServiceCIDR = netip.MustParsePrefix("10.96.0.0/16")
	NodeAddr    = netip.MustParseAddr("10.245.0.1")
	GatewayAddr = netip.MustParseAddr("10.244.0.1")
	Loopback    = netip.MustParseAddr("127.0.0.1")
	OutsideAddr = netip.MustParseAddr("192.0.2.9")
	// outsideGateway is the node's address towards the machine outside.
	outsideGateway = netip.MustParseAddr("192.0.2.1")
)

// Lab is the network.
type Lab struct {
	t *testing.T
	// Node is where the back end runs.
	Node *Host
	// Outside is a machine that is no part of the cluster.
	Outside *Host
}

// Host is something with a network namespace of its own.
type Host struct {
	t      *testing.T
	handle netns.NsHandle
	// Addr is the address that others know it by.
	Addr netip.Addr
}

// NewLab makes the network, or skips the test with the reason.
func NewLab(t *testing.T) *Lab {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("skipped: making network namespaces needs root")
	}
	return newLab(t, newHost(t, NodeAddr))
}

// NewLabHere makes the network around the namespace that the whole process is
// in; Apart gets a test there.
func NewLabHere(t *testing.T) *Lab {
	t.Helper()
	handle, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	node := &Host{t: t, handle: handle, Addr: NodeAddr}
	t.Cleanup(func() { _ = handle.Close() })
	node.must(loopbackUp)
	return newLab(t, node)
}

func newLab(t *testing.T, node *Host) *Lab {
	t.Helper()
	lab := &Lab{t: t, Node: node}
	setup := network.DefaultConfig()
	setup.ServiceCIDRs = []netip.Prefix{ServiceCIDR}
	lab.Node.must(func() error {
		return firstError(
			func() error { return network.Setup(setup) },
			func() error { return addBridge("cox-pods", GatewayAddr, 24) },
		)
	})
	lab.Outside = newHost(t, OutsideAddr)
	lab.connect(lab.Outside, "out0", "", outsideGateway)
	lab.Outside.must(func() error {
		return firstError(
			func() error { return addRoute("eth0", ServiceCIDR, outsideGateway) },
			func() error { return addRoute("eth0", NodeCIDR, outsideGateway) },
			func() error { return addRoute("eth0", PodCIDR, outsideGateway) },
		)
	})
	return lab
}

// Pod adds a pod to the bridge.
func (l *Lab) Pod(last byte) *Host {
	l.t.Helper()
	pod := newHost(l.t, netip.AddrFrom4([4]byte{10, 244, 0, last}))
	l.connect(pod, fmt.Sprintf("veth%d", last), "cox-pods", netip.Addr{})
	pod.must(func() error { return addRoute("eth0", netip.MustParsePrefix("0.0.0.0/0"), GatewayAddr) })
	return pod
}

// connect gives a host an eth0 whose other end is on the node: in a bridge, or
// with an address of its own.
func (l *Lab) connect(host *Host, peer, bridge string, peerAddr netip.Addr) {
	l.t.Helper()
	l.Node.must(func() error {
		attributes := netlink.NewLinkAttrs()
		attributes.Name = peer
		pair := &netlink.Veth{LinkAttrs: attributes, PeerName: "eth0", PeerNamespace: netlink.NsFd(host.handle)}
		if err := netlink.LinkAdd(pair); err != nil {
			return fmt.Errorf("adding veth %s: %w", peer, err)
		}
		if bridge != "" {
			master, err := netlink.LinkByName(bridge)
			if err != nil {
				return err
			}
			if err := netlink.LinkSetMaster(pair, master); err != nil {
				return err
			}
			// An endpoint that calls itself through a service comes back on the
			// port it left by; the bridge plugin's hairpinMode does the same.
			if err := netlink.LinkSetHairpin(pair, true); err != nil {
				return err
			}
			return nil
		}
		return addAddr(pair, peerAddr, 24)
	})
	host.must(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		if err := addAddr(link, host.Addr, 24); err != nil {
			return err
		}
		return netlink.LinkSetUp(link)
	})
	// Last, so that the bridge finds a carrier at once: the kernel tells it of
	// one that comes later with up to a second's delay.
	l.Node.must(func() error {
		link, err := netlink.LinkByName(peer)
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(link)
	})
}

func newHost(t *testing.T, addr netip.Addr) *Host {
	t.Helper()
	var handle netns.NsHandle
	err := onThread(func() (err error) { handle, err = netns.New(); return err })
	if err != nil {
		t.Skipf("skipped: this system does not let us make network namespaces: %v", err)
	}
	host := &Host{t: t, handle: handle, Addr: addr}
	t.Cleanup(func() { _ = handle.Close() })
	host.must(loopbackUp)
	return host
}

// onThread runs a function that may change the thread's network namespace. The
// thread is put back where it was: letting it die instead would take along the
// child processes that were started from it with a parent death signal.
func onThread(run func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		home, err := netns.Get()
		if err != nil {
			done <- err
			return
		}
		defer home.Close()
		err = run()
		if back := netns.Set(home); back != nil {
			done <- errors.Join(err, fmt.Errorf("leaving network namespace: %w", back))
			return // the thread is lost, and ends with the goroutine
		}
		runtime.UnlockOSThread()
		done <- err
	}()
	return <-done
}

func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(lo)
}

// Do runs a function on a thread inside of the host.
func (h *Host) Do(run func() error) error {
	return onThread(func() error {
		if err := netns.Set(h.handle); err != nil {
			return fmt.Errorf("entering network namespace: %w", err)
		}
		return run()
	})
}

func (h *Host) must(run func() error) {
	h.t.Helper()
	if err := h.Do(run); err != nil {
		h.t.Fatal(err)
	}
}

func firstError(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func addBridge(name string, addr netip.Addr, bits int) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = name
	bridge := &netlink.Bridge{LinkAttrs: attributes}
	if err := netlink.LinkAdd(bridge); err != nil {
		return fmt.Errorf("adding bridge %s: %w", name, err)
	}
	// A bridge takes the lowest address of its ports unless it was given one: a pod that joins would change what the
	// others know as their gateway. The CNI plugin gives it one, too.
	made, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("finding bridge %s: %w", name, err)
	}
	if err := netlink.LinkSetHardwareAddr(made, made.Attrs().HardwareAddr); err != nil {
		return fmt.Errorf("fixing the address of bridge %s: %w", name, err)
	}
	if err := addAddr(bridge, addr, bits); err != nil {
		return err
	}
	return netlink.LinkSetUp(bridge)
}

func addAddr(link netlink.Link, addr netip.Addr, bits int) error {
	parsed, err := netlink.ParseAddr(netip.PrefixFrom(addr, bits).String())
	if err != nil {
		return err
	}
	if err := netlink.AddrAdd(link, parsed); err != nil {
		return fmt.Errorf("adding address %s: %w", addr, err)
	}
	return nil
}

func addRoute(device string, to netip.Prefix, via netip.Addr) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return err
	}
	destination, err := netlink.ParseIPNet(to.String())
	if err != nil {
		return err
	}
	route := &netlink.Route{LinkIndex: link.Attrs().Index, Dst: destination}
	if via.IsValid() {
		route.Gw = via.AsSlice()
	}
	if err := netlink.RouteAdd(route); err != nil {
		return fmt.Errorf("adding route to %s: %w", to, err)
	}
	return nil
}
