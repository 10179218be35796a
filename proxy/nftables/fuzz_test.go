// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables

import (
	"fmt"
	"math/rand"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"coxswain.dev/coxswain/proxy/state"
	"coxswain.dev/coxswain/test/fuzz/objects"
)

// FuzzModel makes rules of Services, EndpointSlices and pods that are near to the examples. The kernel takes all of a
// transaction or nothing, so no set may have a key twice or ranges that overlap, whatever any of them says; and what
// comes of events one by one is what comes of all at once.
func FuzzModel(f *testing.F) {
	all, err := objects.Load()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{}, []byte{}, []byte{})
	for seed := range int64(60) {
		data := make([]byte, 120)
		rand.New(rand.NewSource(seed)).Read(data)
		f.Add(data[:40], data[40:80], data[80:])
	}
	ip := netip.MustParseAddr("10.245.0.1")
	node := state.Node{Name: "n1", Zone: "z", Addresses: []netip.Addr{ip}, NodePortAddresses: []netip.Addr{ip}}
	f.Fuzz(func(t *testing.T, serviceData, sliceData, podData []byte) {
		services := several[*corev1.Service](t, all, "Service", serviceData)
		endpoints := several[*discoveryv1.EndpointSlice](t, all, "EndpointSlice", sliceData)
		pods := several[*corev1.Pod](t, all, "Pod", podData)
		for i, service := range services { // cluster addresses are allocated, to one Service each; all else may be the same
			if service.Spec.ClusterIP != corev1.ClusterIPNone && service.Spec.Type != corev1.ServiceTypeExternalName {
				service.Spec.ClusterIP, service.Spec.ClusterIPs = fmt.Sprintf("10.96.0.%d", i+1), nil
			}
		}
		model := state.Build(services, endpoints, pods, node)
		checkElements(t, model)

		tracker := state.NewTracker(node)
		for _, pod := range pods {
			tracker.SetPod(pod)
			tracker.Collect()
		}
		for i := range endpoints {
			tracker.SetSlice(endpoints[len(endpoints)-1-i])
			tracker.Collect()
		}
		for _, service := range services {
			tracker.SetService(service)
			tracker.Collect()
		}
		if len(services) < 2 { // of several with one name, the last wins, which is another one in another order
			if diff := cmp.Diff(model, tracker.Model(), cmpopts.EquateComparable(netip.Addr{}, netip.Prefix{}), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("one by one: %s", diff)
			}
		}
	})
}

// several makes one or two objects of a kind; the second has another name.
func several[T runtime.Object](t *testing.T, all *objects.All, name string, data []byte) []T {
	var list []T
	for i, part := range [][]byte{data[:len(data)/2], data[len(data)/2:]} {
		for _, k := range all.Kinds {
			if k.Names.Kind != name || k.Example == nil {
				continue
			}
			example := k.Example
			if i == 1 {
				example = []byte(strings.ReplaceAll(string(example), `"web`, `"web2`))
			}
			obj, err := all.Decode(k, example)
			if err != nil {
				t.Fatal(err)
			}
			if len(part) > 0 {
				objects.Mutate(obj, objects.NewSource(part))
			}
			// The decoder takes away what nobody could send, and validation what could not be stored.
			encoded, err := runtime.Encode(all.Codecs.LegacyCodec(k.GroupVersion), obj)
			if err != nil {
				continue
			}
			if obj, err = all.Decode(k, encoded); err != nil || name != "Service" && len(k.Validate(obj, nil)) > 0 {
				continue
			}
			list = append(list, obj.(T))
		}
	}
	return list
}

func checkElements(t *testing.T, model state.Model) {
	last := map[string]element{} // of a set
	b := &Backend{}
	want := b.adopt(model)
	sorted := append([]element(nil), want...)
	slices.SortFunc(sorted, element.compare)
	for _, e := range sorted {
		before, seen := last[e.set]
		last[e.set] = e
		if !seen {
			continue
		}
		if before.key == e.key {
			t.Errorf("set %s has the key %x twice: %+v and %+v", e.set, e.key, before, e)
		}
		if prefix := len(e.key) - 4; e.end != "" && before.key[:prefix] == e.key[:prefix] && before.end >= e.key {
			t.Errorf("set %s has ranges that overlap: %x to %x, and %x to %x", e.set, before.key, before.end, e.key, e.end)
		}
	}
}
