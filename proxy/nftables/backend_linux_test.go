// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables_test

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"coxswain.dev/coxswain/proxy/backendtest"
	"coxswain.dev/coxswain/proxy/nftables"
	"coxswain.dev/coxswain/proxy/state"
)

func settings() nftables.Settings {
	return nftables.Settings{
		Table:        "coxswain",
		ClusterCIDRs: []netip.Prefix{backendtest.PodCIDR},
		NodeCIDRs:    []netip.Prefix{backendtest.NodeCIDR},
		ServiceCIDRs: []netip.Prefix{backendtest.ServiceCIDR},
	}
}

func TestBackend(t *testing.T) {
	backendtest.Run(t, func() (backendtest.Backend, error) { return nftables.New(settings()) })
}

// The nft program of Debian 12 aborts on expressions that it could not have
// written itself, and with it the listing of all other tables.
func TestOperatorsCanListTheTable(t *testing.T) {
	nft, err := exec.LookPath("nft")
	if err != nil {
		t.Skip("skipped: there is no nft program to list the table with")
	}
	lab := backendtest.NewLab(t)
	var backend *nftables.Backend
	if err := lab.Node.Do(func() (err error) { backend, err = nftables.New(settings()); return err }); err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	model := bigModel(2, 3)
	model.Services[0].Ports[0].Affinity = time.Hour
	port := &model.Services[1].Ports[0]
	port.Entries = append(port.Entries,
		state.Entry{Frontend: backendtest.Frontend(state.TCP, "10.245.0.1", 30080), Kind: state.NodePort},
		state.Entry{
			Frontend: backendtest.Frontend(state.TCP, "203.0.113.9", 80), Kind: state.LoadBalancer, Scope: state.Local,
			Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
		})
	if err := backend.Sync(model); err != nil {
		t.Fatal(err)
	}
	var listed []byte
	if err := lab.Node.Do(func() (err error) {
		listed, err = exec.Command(nft, "list", "ruleset").CombinedOutput()
		return err
	}); err != nil {
		t.Fatalf("listing: %v\n%s", err, listed)
	}
	for _, want := range []string{
		"10.245.0.1 . tcp . 30080 : goto pick-3-masqueraded",
		"dnat ip to ip daddr . meta l4proto . th dport . numgen random mod 3 map @endpoints",
	} {
		if !strings.Contains(string(listed), want) {
			t.Errorf("%q is missing in\n%s", want, listed)
		}
	}
}
