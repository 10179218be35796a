// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nftables_test

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

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

// TestSourceRangesMayOverlap has a Service whose allowed clients lie in each other, which the kernel refuses as they are,
// and all other services with them.
func TestSourceRangesMayOverlap(t *testing.T) {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "web"},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, ClusterIP: "10.96.0.9", Ports: []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP}},
			LoadBalancerSourceRanges: []string{"10.1.0.0/16", "0.0.0.0/0", "10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "192.0.2.9/24"},
		},
		Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{IP: "203.0.113.9"}}}},
	}
	lab := backendtest.NewLab(t)
	var backend *nftables.Backend
	if err := lab.Node.Do(func() (err error) { backend, err = nftables.New(settings()); return err }); err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	for range 2 { // the second time without the range that contains them all
		model := state.Build([]*corev1.Service{service}, nil, nil, state.Node{Name: "n"})
		if err := backend.Sync(model); err != nil {
			t.Error(err)
		}
		service.Spec.LoadBalancerSourceRanges[1] = "10.1.128.0/17"
	}
}

// TestNobodyBreaksTheRulesOfOthers has a Service that names another one's cluster IP as its external IP: as two elements
// with one key the kernel refuses them, and all other services with them.
func TestNobodyBreaksTheRulesOfOthers(t *testing.T) {
	service := func(name, ip string, external ...string) *corev1.Service {
		return &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: name},
			Spec:       corev1.ServiceSpec{ClusterIP: ip, ExternalIPs: external, Ports: []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP}}},
		}
	}
	endpoints := func(name, ip string) *discoveryv1.EndpointSlice {
		port, protocol := int32(80), corev1.ProtocolTCP
		return &discoveryv1.EndpointSlice{
			ObjectMeta:  metav1.ObjectMeta{Namespace: "default", Name: name, Labels: map[string]string{discoveryv1.LabelServiceName: name}},
			AddressType: discoveryv1.AddressTypeIPv4, Endpoints: []discoveryv1.Endpoint{{Addresses: []string{ip}}},
			Ports: []discoveryv1.EndpointPort{{Port: &port, Protocol: &protocol}},
		}
	}
	lab := backendtest.NewLab(t)
	var backend *nftables.Backend
	if err := lab.Node.Do(func() (err error) { backend, err = nftables.New(settings()); return err }); err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	tracker := state.NewTracker(state.Node{Name: "n"})
	tracker.SetService(service("web", "10.96.0.9"))
	tracker.SetSlice(endpoints("web", "10.244.0.2"))
	tracker.Collect()
	if err := backend.Sync(tracker.Model()); err != nil {
		t.Fatal(err)
	}
	tracker.SetService(service("a", "10.96.0.10", "10.96.0.9"))
	tracker.SetSlice(endpoints("a", "10.244.0.3"))
	if err := backend.Apply(tracker.Collect().List); err != nil {
		t.Error(err)
	}
	if err := backend.Sync(tracker.Model()); err != nil {
		t.Error(err)
	}
}
