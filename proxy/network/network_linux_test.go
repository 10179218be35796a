// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/internal/nodespace"
)

// apart moves the test into a network namespace of its own, which goes with the test's thread.
func apart(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("makes network namespaces, which needs root")
	}
	runtime.LockOSThread() // never unlocked: the thread ends with the test
	handle, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = handle.Close() })
}

func TestClustersOfOneMachineLeaveEachOthersRoutesAlone(t *testing.T) {
	apart(t)
	type cluster struct {
		config Config
		pods   []netip.Prefix
		nodes  []*corev1.Node
		far    string
	}
	clusters := []cluster{
		{Config{NodeBridge: "a-nodes", NodeAddress: netip.MustParsePrefix("10.245.0.1/24")}, []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}, nil, "10.244.1.0/24"},
		{Config{NodeBridge: "b-nodes", NodeAddress: netip.MustParsePrefix("10.235.0.1/24")}, []netip.Prefix{netip.MustParsePrefix("10.234.0.0/16")}, nil, "10.234.1.0/24"},
	}
	for i := range clusters {
		c := &clusters[i]
		c.nodes = []*corev1.Node{node("second", c.far, c.config.NodeAddress.Addr().Next().String())}
		if err := Setup(c.config); err != nil {
			t.Fatal(err)
		}
	}
	sync := func() {
		t.Helper()
		for _, c := range clusters {
			if err := SyncRoutes("first", c.pods, c.nodes); err != nil {
				t.Fatal(err)
			}
		}
	}
	sync()
	sync() // and now the first sees the second's
	if !hasRoute(t, clusters[0].far) || !hasRoute(t, clusters[1].far) {
		t.Error("one cluster took the routes of the other away")
	}
	if err := Remove(clusters[0].config); err != nil {
		t.Fatal(err)
	}
	if hasRoute(t, clusters[0].far) {
		t.Error("a removed cluster has left its route")
	}
	if !hasRoute(t, clusters[1].far) {
		t.Error("a removed cluster took the other's route along")
	}
}

func TestCableLeadsToTheNodeAsItIsNow(t *testing.T) {
	apart(t)
	folder := filepath.Join(t.TempDir(), "ns")
	t.Cleanup(func() {
		if err := nodespace.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if err := Setup(Config{NodeBridge: "a-nodes", NodeAddress: netip.MustParsePrefix("10.245.0.1/24")}); err != nil {
		t.Fatal(err)
	}
	bridge, err := netlink.LinkByName("a-nodes")
	if err != nil {
		t.Fatal(err)
	}
	cable := Cable{
		Bridge: "a-nodes", Outer: "a-n2", Inner: "eth0", Address: netip.MustParsePrefix("10.245.0.2/24"),
		Gateway: netip.MustParseAddr("10.245.0.1"), ServiceCIDRs: []netip.Prefix{netip.MustParsePrefix("10.96.0.0/16")},
	}
	for _, life := range []string{"first", "second"} {
		space, err := nodespace.Ensure(folder, "2")
		if err != nil {
			t.Fatal(err)
		}
		var before int
		for _, call := range []string{"first", "second"} {
			if err := Plug(cable, space.Network()); err != nil {
				t.Fatal(err)
			}
			outer, err := netlink.LinkByName("a-n2")
			if err != nil {
				t.Fatal(err)
			}
			if outer.Attrs().MasterIndex != bridge.Attrs().Index {
				t.Errorf("%s life: the cable is not in the bridge", life)
			}
			if before != 0 && before != outer.Attrs().Index {
				t.Errorf("%s life: the cable was laid anew at the %s call", life, call)
			}
			before = outer.Attrs().Index
			within(t, space.Network(), func() error { return Join(cable) })
		}
		within(t, space.Network(), func() error {
			if !hasRoute(t, "10.96.0.0/16") {
				return errors.New("no route to services")
			}
			link, err := netlink.LinkByName("eth0")
			if err == nil && link.Attrs().OperState != netlink.OperUp {
				return errors.New("the inner end is not up")
			}
			return err
		})
		if err := nodespace.Remove(folder, "2"); err != nil { // as a reboot of the node would
			t.Fatal(err)
		}
	}
	now, err := netlink.LinkByName("a-nodes")
	if err != nil {
		t.Fatal(err)
	}
	if now.Attrs().HardwareAddr.String() != bridge.Attrs().HardwareAddr.String() {
		t.Error("the bridge changed its hardware address with its ports")
	}
	if err := errors.Join(Unplug(cable), Unplug(cable)); err != nil {
		t.Errorf("removing the cable twice: %v", err)
	}
}

func hasRoute(t *testing.T, to string) bool {
	t.Helper()
	_, want, err := net.ParseCIDR(to)
	if err != nil {
		t.Fatal(err)
	}
	routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Dst: want}, netlink.RT_FILTER_DST)
	if err != nil {
		t.Fatal(err)
	}
	return len(routes) > 0
}

// within runs f in a network namespace.
func within(t *testing.T, file string, f func() error) {
	t.Helper()
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		handle, err := netns.GetFromPath(file)
		if err == nil {
			err = netns.Set(handle)
		}
		if err == nil {
			err = f()
		}
		done <- errors.Join(err, handle.Close())
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
