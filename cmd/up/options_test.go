// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package up

import (
	"strings"
	"testing"
)

func TestCompleteNamesEveryWrongFlag(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*flags)
		want   []string // parts of the error; none means it is right
	}{
		"the defaults are right":      {change: func(*flags) {}},
		"a port that is none":         {change: func(o *flags) { o.securePort = 70000 }, want: []string{"--secure-port: 70000 is no port"}},
		"networks that overlap":       {change: func(o *flags) { o.nodeCIDR = "10.244.3.0/24" }, want: []string{"10.244.0.0/16 and 10.244.3.0/24 overlap"}},
		"a network that is none":      {change: func(o *flags) { o.clusterCIDR = "10.0.0.0" }, want: []string{`--cluster-cidr: "10.0.0.0" is not an IPv4 network`}},
		"a network that is too small": {change: func(o *flags) { o.serviceCIDR = "10.1.0.0/30" }, want: []string{"--service-cidr:", "too small"}},
		"more nodes than there is room": {
			change: func(o *flags) { o.nodeCount, o.nodeCIDR = 7, "10.245.0.0/29" }, want: []string{"--nodes:", "room for 6 nodes only"}},
		"real and simulated nodes":   {change: func(o *flags) { o.nodeCount, o.simulatedNodes = 2, 2 }, want: []string{"--nodes: real and simulated"}},
		"a negative number of nodes": {change: func(o *flags) { o.nodeCount = -1 }, want: []string{"--nodes: -1 must be between 1 and 99"}},
		"a store without room": {
			change: func(o *flags) { o.etcdQuota = 1 << 20 }, want: []string{"--etcd-quota-backend-bytes: 1048576 bytes are too few"}},
		"two wrong flags in one error": {change: func(o *flags) { o.name, o.nodeName = "No", "a_b" }, want: []string{"--name:", "--node-name:"}},
		"a run dir too long for sockets": {
			change: func(o *flags) { o.runDir = "/" + strings.Repeat("x", 60) }, want: []string{"--run-dir:"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := newFlags()
			o.nodeName, o.runDir = "node", "/run/x"
			c.change(o)
			_, err := o.complete()
			if (err != nil) != (len(c.want) > 0) {
				t.Fatalf("got %v", err)
			}
			for _, part := range c.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("got %q, want %q in it", err, part)
				}
			}
		})
	}
}

func TestAddressesFollowFromTheNetworks(t *testing.T) {
	o := newFlags()
	o.nodeName = "node"
	s, err := o.complete()
	if err != nil {
		t.Fatal(err)
	}
	if got := s.nodeAddress.String() + " " + s.kubernetesIP.String() + " " + s.dnsAddr.String(); got != "10.245.0.1 10.96.0.1 10.96.0.10" {
		t.Errorf("got %s", got)
	}
}
