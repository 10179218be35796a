// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package network

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func node(name, pods, address string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       corev1.NodeSpec{PodCIDR: pods},
		Status:     corev1.NodeStatus{Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: address}}},
	}
}

func TestWantedRoutes(t *testing.T) {
	neighbours := []netip.Prefix{netip.MustParsePrefix("10.245.0.1/24"), netip.MustParsePrefix("127.0.0.1/8")}
	cluster := []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}
	leaving := node("leaving", "10.244.9.0/24", "10.245.0.9")
	now := metav1.Now()
	leaving.DeletionTimestamp = &now
	var got []string
	for _, r := range wantedRoutes("me", cluster, neighbours, []*corev1.Node{
		node("second", "10.244.2.0/24", "10.245.0.3"),
		node("me", "10.244.0.0/24", "10.245.0.1"),
		node("first", "10.244.1.0/24", "10.245.0.2"),
		node("far", "10.244.3.0/24", "192.0.2.7"),
		node("new", "", "10.245.0.4"),
		node("greedy", "0.0.0.0/0", "10.245.0.5"),
		node("foreign", "192.168.0.0/24", "10.245.0.6"),
		node("impostor", "10.244.4.0/24", "10.245.0.1"),
		leaving,
	}) {
		got = append(got, fmt.Sprint(r.pods, " via ", r.via))
	}
	if diff := cmp.Diff([]string{"10.244.1.0/24 via 10.245.0.2", "10.244.2.0/24 via 10.245.0.3"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestCheckFree(t *testing.T) {
	cfg := DefaultConfig()
	for _, c := range []struct {
		name    string
		here    holder
		refused bool
	}{
		{"our own bridge, from before", holder{cfg.NodeBridge, cfg.NodeAddress}, false},
		{"another range", holder{"eth0", netip.MustParsePrefix("192.0.2.7/24")}, false},
		{"a wider range, whose routes give way to ours", holder{"tun0", netip.MustParsePrefix("10.1.2.3/8")}, false},
		{"another cluster's bridge", holder{"cox1234-nodes", cfg.NodeAddress}, true},
		{"another address of the same range", holder{"eth0", netip.MustParsePrefix("10.245.0.9/24")}, true},
		{"the address in another range", holder{"eth0", netip.MustParsePrefix("10.245.0.1/16")}, true},
	} {
		if err := checkFree(cfg, []holder{c.here}); (err != nil) != c.refused {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
