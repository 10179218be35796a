// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables_test

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"coxswain.dev/coxswain/proxy/backendtest"
	"coxswain.dev/coxswain/proxy/nftables"
	"coxswain.dev/coxswain/proxy/state"
)

// The budgets of the design, for 10,000 services with 3 endpoints each.
const (
	budgetFull   = 500 * time.Millisecond
	budgetChange = 5 * time.Millisecond
)

func bigModel(services, endpoints int) state.Model {
	var model state.Model
	for i := range services {
		id := state.Frontend{Addr: netip.AddrFrom4([4]byte{10, 96, byte(i >> 8), byte(i)}), Protocol: state.TCP, Port: 80}
		port := state.Port{ID: id, Entries: []state.Entry{{Frontend: id}}}
		for j := range endpoints {
			n := i*endpoints + j
			port.Pools[state.Cluster] = append(port.Pools[state.Cluster],
				state.Endpoint{Addr: netip.AddrFrom4([4]byte{10, 244 + byte(n>>16), byte(n >> 8), byte(n)}), Port: 8080})
		}
		model.Services = append(model.Services, &state.Service{
			Key:   state.Key{Source: state.FromService, NamespacedName: types.NamespacedName{Namespace: "big", Name: fmt.Sprintf("s%05d", i)}},
			Ports: []state.Port{port},
		})
	}
	return model
}

// TestScale holds the back end to its budgets. The best of a few runs counts,
// for changes the best tenth: the machine may be busy with something else.
func TestScale(t *testing.T) {
	lab := backendtest.NewLab(t)
	model := bigModel(10000, 3)
	var backend *nftables.Backend
	if err := lab.Node.Do(func() (err error) { backend, err = nftables.New(settings()); return err }); err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	var full, again []time.Duration
	for range 3 {
		if err := backend.Remove(); err != nil {
			t.Fatal(err)
		}
		full = append(full, timed(t, func() error { return backend.Sync(model) }))
		again = append(again, timed(t, func() error { return backend.Sync(model) }))
	}
	var changes []time.Duration
	for i := range 100 {
		old := model.Services[i*97]
		fresh := *old
		fresh.Ports = slices.Clone(old.Ports)
		fresh.Ports[0].Pools[state.Cluster] = slices.Clone(old.Ports[0].Pools[state.Cluster][:2])
		for _, change := range []state.Change{{Key: old.Key, Old: old, New: &fresh}, {Key: old.Key, Old: &fresh, New: old}} {
			changes = append(changes, timed(t, func() error { return backend.Apply([]state.Change{change}) }))
		}
	}
	slices.Sort(changes)
	moved := *model.Services[5]
	moved.Ports = slices.Clone(moved.Ports)
	moved.Ports[0].Pools[state.Cluster] = slices.Clone(moved.Ports[0].Pools[state.Cluster])
	moved.Ports[0].Pools[state.Cluster][2].Port++
	replaced := timed(t, func() error {
		return backend.Apply([]state.Change{{Key: moved.Key, Old: model.Services[5], New: &moved}})
	})
	t.Logf("10,000 services × 3 endpoints: full load %v, full check %v; an endpoint gone or back: median %v, worst %v; replaced: %v",
		slices.Min(full), slices.Min(again), changes[len(changes)/2], changes[len(changes)-1], replaced)
	if best := slices.Min(full); best > budgetFull {
		t.Errorf("a full load takes %v, the budget is %v", best, budgetFull)
	}
	if good := changes[len(changes)/10]; good > budgetChange {
		t.Errorf("a change takes %v, the budget is %v", good, budgetChange)
	}
}

func timed(t *testing.T, run func() error) time.Duration {
	t.Helper()
	start := time.Now()
	if err := run(); err != nil {
		t.Fatal(err)
	}
	return time.Since(start)
}
