// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package conntrack_test

import (
	"testing"

	"coxswain.dev/coxswain/proxy/backendtest"
	"coxswain.dev/coxswain/proxy/conntrack"
	"coxswain.dev/coxswain/proxy/nftables"
	"coxswain.dev/coxswain/proxy/state"
)

// A client that keeps asking from one port has to reach the next endpoint when
// its own goes.
func TestUDPClientsMoveToAnotherEndpoint(t *testing.T) {
	lab := backendtest.NewLab(t)
	first, second, client := lab.Pod(11), lab.Pod(12), lab.Pod(13)
	first.Serve(5353)
	second.Serve(5353)
	var backend *nftables.Backend
	if err := lab.Node.Do(func() (err error) {
		backend, err = nftables.New(nftables.Settings{Table: "coxswain"})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	front := backendtest.Frontend(state.UDP, "10.96.0.10", 53)
	with := func(pod *backendtest.Host) *state.Service {
		return backendtest.Service(front, state.Endpoint{Addr: pod.Addr, Port: 5353})
	}
	before := with(first)
	if err := backend.Sync(state.Model{Services: []*state.Service{before}}); err != nil {
		t.Fatal(err)
	}
	ask := func(want *backendtest.Host) {
		t.Helper()
		answer, err := client.AskFrom(front, 40000)
		if err != nil || answer.Server != want.Addr {
			t.Errorf("%v answered, want %s: %v", answer.Server, want.Addr, err)
		}
	}
	ask(first)
	change := []state.Change{{Key: before.Key, Old: before, New: with(second)}}
	if err := backend.Apply(change); err != nil {
		t.Fatal(err)
	}
	ask(first) // the kernel remembers: this is what has to be forgotten
	var forgotten uint
	if err := lab.Node.Do(func() (err error) { forgotten, err = conntrack.Forget(change); return err }); err != nil {
		t.Fatal(err)
	}
	if forgotten != 1 {
		t.Errorf("%d connections were forgotten, want 1", forgotten)
	}
	ask(second)
}
