// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package allocator

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/utils/ptr"
)

func newAllocator(t *testing.T, etcd *memory, cidrs ...string) *Allocator {
	t.Helper()
	config := Config{NodePorts: utilnet.PortRange{Base: 30000, Size: 40}, Etcd: etcd, Prefix: "/registry"}
	if len(cidrs) == 0 {
		cidrs = []string{"10.0.0.0/24"}
	}
	for _, c := range cidrs {
		config.CIDRs = append(config.CIDRs, netip.MustParsePrefix(c))
	}
	a, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func service(name string, change func(*corev1.ServiceSpec)) *corev1.Service {
	s := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeClusterIP, Selector: map[string]string{"app": name},
			Ports: []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP}},
		},
	}
	if change != nil {
		change(&s.Spec)
	}
	return s
}

func ofType(t corev1.ServiceType) func(*corev1.ServiceSpec) {
	return func(s *corev1.ServiceSpec) { s.Type = t }
}

// create is what a store does: begin, write, finish.
func create(a *Allocator, s *corev1.Service, stored bool, dryRun ...string) error {
	finish, err := a.beginCreate(context.Background(), s, &metav1.CreateOptions{DryRun: dryRun})
	if err == nil {
		finish(context.Background(), stored)
	}
	return err
}

func update(a *Allocator, old *corev1.Service, change func(*corev1.ServiceSpec)) (*corev1.Service, error) {
	s := old.DeepCopy()
	change(&s.Spec)
	finish, err := a.beginUpdate(context.Background(), s, old, &metav1.UpdateOptions{})
	if err == nil {
		finish(context.Background(), true)
	}
	return s, err
}

func TestCreate(t *testing.T) {
	cases := map[string]struct {
		service *corev1.Service
		cidrs   []string
		check   func(*testing.T, *corev1.Service)
		err     string
	}{
		"any address": {service: service("a", nil), check: func(t *testing.T, s *corev1.Service) {
			addr, err := netip.ParseAddr(s.Spec.ClusterIP)
			if err != nil || !netip.MustParsePrefix("10.0.0.0/24").Contains(addr) || !slices.Equal(s.Spec.ClusterIPs, []string{s.Spec.ClusterIP}) {
				t.Errorf("addresses are %q %q", s.Spec.ClusterIP, s.Spec.ClusterIPs)
			}
			if addr.Less(netip.MustParseAddr("10.0.0.17")) {
				t.Errorf("%s is of the band for those who ask", addr)
			}
			if *s.Spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack || !slices.Equal(s.Spec.IPFamilies, []corev1.IPFamily{"IPv4"}) {
				t.Errorf("families are %v %v", *s.Spec.IPFamilyPolicy, s.Spec.IPFamilies)
			}
		}},
		"an address": {service: service("a", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.0.9" }), check: func(t *testing.T, s *corev1.Service) {
			if s.Spec.ClusterIP != "10.0.0.9" || !slices.Equal(s.Spec.ClusterIPs, []string{"10.0.0.9"}) {
				t.Errorf("addresses are %q %q", s.Spec.ClusterIP, s.Spec.ClusterIPs)
			}
		}},
		"out of range": {
			service: service("a", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.1.9" }),
			err:     "spec.clusterIPs: Invalid value: [\"10.0.1.9\"]: failed to allocate IP 10.0.1.9: the provided IP (10.0.1.9) is not in the valid range. The range of valid IPs is 10.0.0.0/24",
		},
		"network":   {service: service("a", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.0.0" }), err: "not in the valid range"},
		"broadcast": {service: service("a", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.0.255" }), err: "not in the valid range"},
		"headless": {service: service("a", func(s *corev1.ServiceSpec) { s.ClusterIP = "None" }), check: func(t *testing.T, s *corev1.Service) {
			if s.Spec.ClusterIP != "None" || !slices.Equal(s.Spec.IPFamilies, []corev1.IPFamily{"IPv4"}) {
				t.Errorf("%q %v", s.Spec.ClusterIP, s.Spec.IPFamilies)
			}
		}},
		"headless without selector": {
			service: service("a", func(s *corev1.ServiceSpec) { s.ClusterIP, s.Selector = "None", nil }),
			check: func(t *testing.T, s *corev1.Service) {
				if *s.Spec.IPFamilyPolicy != corev1.IPFamilyPolicyRequireDualStack || len(s.Spec.IPFamilies) != 2 {
					t.Errorf("%v %v", *s.Spec.IPFamilyPolicy, s.Spec.IPFamilies)
				}
			},
		},
		"external name": {service: service("a", ofType(corev1.ServiceTypeExternalName)), check: func(t *testing.T, s *corev1.Service) {
			if s.Spec.ClusterIP != "" || s.Spec.IPFamilyPolicy != nil {
				t.Errorf("%q %v", s.Spec.ClusterIP, s.Spec.IPFamilyPolicy)
			}
		}},
		"node port": {service: service("a", ofType(corev1.ServiceTypeNodePort)), check: func(t *testing.T, s *corev1.Service) {
			if p := s.Spec.Ports[0].NodePort; p < 30000 || p > 30039 {
				t.Errorf("port is %d", p)
			}
		}},
		"node port out of range": {
			service: service("a", func(s *corev1.ServiceSpec) { s.Type, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, 80 }),
			err:     "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-30039",
		},
		"TCP and UDP share a node port": {
			service: service("a", func(s *corev1.ServiceSpec) {
				s.Type = corev1.ServiceTypeNodePort
				s.Ports = []corev1.ServicePort{{Port: 53, Protocol: "TCP"}, {Port: 53, Protocol: "UDP"}, {Port: 54, Protocol: "UDP"}}
			}),
			check: func(t *testing.T, s *corev1.Service) {
				p := s.Spec.Ports
				if p[0].NodePort != p[1].NodePort || p[0].NodePort == p[2].NodePort || p[0].NodePort == 0 {
					t.Errorf("ports are %d %d %d", p[0].NodePort, p[1].NodePort, p[2].NodePort)
				}
			},
		},
		"balancer without node ports": {
			service: service("a", func(s *corev1.ServiceSpec) {
				s.Type, s.AllocateLoadBalancerNodePorts = corev1.ServiceTypeLoadBalancer, ptr.To(false)
			}),
			check: func(t *testing.T, s *corev1.Service) {
				if s.Spec.Ports[0].NodePort != 0 {
					t.Error("has a node port")
				}
			},
		},
		"balancer with local traffic": {
			service: service("a", func(s *corev1.ServiceSpec) {
				s.Type, s.ExternalTrafficPolicy = corev1.ServiceTypeLoadBalancer, corev1.ServiceExternalTrafficPolicyLocal
			}),
			check: func(t *testing.T, s *corev1.Service) {
				if s.Spec.HealthCheckNodePort == 0 || s.Spec.HealthCheckNodePort == s.Spec.Ports[0].NodePort {
					t.Errorf("health check port is %d", s.Spec.HealthCheckNodePort)
				}
			},
		},
		"two families wanted": {
			service: service("a", func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyPreferDualStack) }),
			check: func(t *testing.T, s *corev1.Service) {
				if len(s.Spec.ClusterIPs) != 1 {
					t.Errorf("addresses are %v", s.Spec.ClusterIPs)
				}
			},
		},
		"two families required": {
			service: service("a", func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyRequireDualStack) }),
			err:     "this cluster is not configured for dual-stack services",
		},
		"another family": {
			service: service("a", func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{"IPv6"} }),
			err:     "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster",
		},
		"two families on a cluster of two": {
			service: service("a", func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyPreferDualStack) }),
			cidrs:   []string{"10.0.0.0/24", "fd00::/112"},
			check: func(t *testing.T, s *corev1.Service) {
				if diff := cmp.Diff([]corev1.IPFamily{"IPv4", "IPv6"}, familiesOf(s.Spec.ClusterIPs)); diff != "" {
					t.Error(diff)
				}
			},
		},
		"the second family alone": {
			service: service("a", func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{"IPv6"} }),
			cidrs:   []string{"10.0.0.0/24", "fd00::/112"},
			check: func(t *testing.T, s *corev1.Service) {
				if diff := cmp.Diff([]corev1.IPFamily{"IPv6"}, familiesOf(s.Spec.ClusterIPs)); diff != "" {
					t.Error(diff)
				}
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			etcd := newMemory()
			err := create(newAllocator(t, etcd, c.cidrs...), c.service, true)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) || !apierrors.IsInvalid(err) {
					t.Errorf("%v, want invalid with %q", err, c.err)
				}
				if left := etcd.names(); len(left) != 0 {
					t.Errorf("still reserved: %v", left)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			c.check(t, c.service)
		})
	}
}

func TestWhatIsTaken(t *testing.T) {
	a := newAllocator(t, newMemory())
	first := service("first", func(s *corev1.ServiceSpec) {
		s.Type, s.ClusterIP, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, "10.0.0.20", 30005
	})
	if err := create(a, first, true); err != nil {
		t.Fatal(err)
	}
	err := create(a, service("second", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.0.20" }), true)
	if err == nil || !strings.Contains(err.Error(), "failed to allocate IP 10.0.0.20: provided IP is already allocated") {
		t.Errorf("address: %v", err)
	}
	err = create(a, service("second", func(s *corev1.ServiceSpec) { s.Type, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30005 }), true)
	if err == nil || !strings.Contains(err.Error(), "spec.ports[0].nodePort: Invalid value: 30005: provided port is already allocated") {
		t.Errorf("port: %v", err)
	}
	a.afterDelete(first, &metav1.DeleteOptions{})
	if err := create(a, service("second", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.0.20" }), true); err != nil {
		t.Errorf("after the first is gone: %v", err)
	}
}

func TestWhatIsNotStoredIsGivenBack(t *testing.T) {
	etcd := newMemory()
	a := newAllocator(t, etcd)
	if err := create(a, service("a", ofType(corev1.ServiceTypeNodePort)), false); err != nil {
		t.Fatal(err)
	}
	if err := create(a, service("b", ofType(corev1.ServiceTypeNodePort)), true, metav1.DryRunAll); err != nil {
		t.Fatal(err)
	}
	if left := etcd.names(); len(left) != 0 {
		t.Errorf("still reserved: %v", left)
	}
}

func TestADryRunSaysWhatWouldBe(t *testing.T) {
	a := newAllocator(t, newMemory())
	taken := service("a", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.0.20" })
	if err := create(a, taken, true); err != nil {
		t.Fatal(err)
	}
	if err := create(a, service("b", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.0.0.20" }), true, metav1.DryRunAll); !apierrors.IsInvalid(err) {
		t.Errorf("a taken address: %v", err)
	}
	trial := service("c", ofType(corev1.ServiceTypeNodePort))
	if err := create(a, trial, true, metav1.DryRunAll); err != nil || trial.Spec.ClusterIP == "" || trial.Spec.Ports[0].NodePort == 0 {
		t.Errorf("%v, %q %d", err, trial.Spec.ClusterIP, trial.Spec.Ports[0].NodePort)
	}
}

func TestUpdate(t *testing.T) {
	etcd := newMemory()
	a := newAllocator(t, etcd)
	s := service("a", ofType(corev1.ServiceTypeNodePort))
	if err := create(a, s, true); err != nil {
		t.Fatal(err)
	}
	ip, port := s.Spec.ClusterIP, s.Spec.Ports[0].NodePort
	expect := func(what string, want ...string) {
		t.Helper()
		slices.Sort(want)
		if diff := cmp.Diff(want, etcd.names()); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	step := func(what string, change func(*corev1.ServiceSpec)) {
		t.Helper()
		next, err := update(a, s, change)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		s = next
	}
	step("nothing", func(*corev1.ServiceSpec) {})
	expect("nothing", ip, fmt.Sprint(port))
	step("left out", func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs, s.Ports[0].NodePort = "", nil, 0 })
	expect("left out", ip, fmt.Sprint(port))
	if s.Spec.ClusterIP != ip || s.Spec.Ports[0].NodePort != port {
		t.Errorf("%s %d, want %s %d", s.Spec.ClusterIP, s.Spec.Ports[0].NodePort, ip, port)
	}
	step("another port", func(s *corev1.ServiceSpec) { s.Ports[0].NodePort = 30039 - (port - 30000) })
	expect("another port", ip, fmt.Sprint(30039-(port-30000)))
	step("to cluster IP", ofType(corev1.ServiceTypeClusterIP))
	expect("to cluster IP", ip)
	step("to external name", func(s *corev1.ServiceSpec) { s.Type, s.ExternalName = corev1.ServiceTypeExternalName, "example.com" })
	expect("to external name")
	step("and back", func(s *corev1.ServiceSpec) { s.Type, s.ClusterIP, s.ClusterIPs = corev1.ServiceTypeClusterIP, "", nil })
	expect("and back", s.Spec.ClusterIP)
}

func TestSecondFamilyComesAndGoes(t *testing.T) {
	etcd := newMemory()
	a := newAllocator(t, etcd, "10.0.0.0/24", "fd00::/112")
	s := service("a", nil)
	if err := create(a, s, true); err != nil {
		t.Fatal(err)
	}
	both, err := update(a, s, func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicyRequireDualStack) })
	if err != nil || len(both.Spec.ClusterIPs) != 2 || len(etcd.names()) != 2 {
		t.Fatalf("%v: %v, reserved %v", err, both.Spec.ClusterIPs, etcd.names())
	}
	one, err := update(a, both, func(s *corev1.ServiceSpec) { s.IPFamilyPolicy = ptr.To(corev1.IPFamilyPolicySingleStack) })
	if err != nil || !slices.Equal(one.Spec.ClusterIPs, s.Spec.ClusterIPs) || len(etcd.names()) != 1 {
		t.Fatalf("%v: %v, reserved %v", err, one.Spec.ClusterIPs, etcd.names())
	}
}

// Two servers on one database must never give the same twice, and must use the range to its end.
func TestServersOnOneDatabase(t *testing.T) {
	etcd := newMemory()
	servers := []*Allocator{newAllocator(t, etcd, "10.0.0.0/25"), newAllocator(t, etcd, "10.0.0.0/25")}
	var (
		group sync.WaitGroup
		mu    sync.Mutex
		given = map[string]bool{}
	)
	for i := range 126 { // exactly what a /25 holds
		group.Go(func() {
			s := service(fmt.Sprint("s", i), nil)
			if err := create(servers[i%2], s, true); err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			if given[s.Spec.ClusterIP] {
				t.Errorf("%s was given twice", s.Spec.ClusterIP)
			}
			given[s.Spec.ClusterIP] = true
		})
	}
	group.Wait()
	err := create(servers[0], service("one more", nil), true)
	if err == nil || !strings.Contains(err.Error(), "failed to allocate a serviceIP: range is full") {
		t.Errorf("one more: %v", err)
	}
}

func TestReleaseIsForTheOwnerOnly(t *testing.T) {
	a := newAllocator(t, newMemory())
	p := a.families[0].pool
	ctx := context.Background()
	mine, other := owner{"shop", "a", "1"}, owner{"shop", "a", "2"}
	if err := p.reserve(ctx, "10.0.0.5", mine); err != nil {
		t.Fatal(err)
	}
	if err := p.release(ctx, "10.0.0.5", other); err != nil {
		t.Fatal(err)
	}
	if err := p.reserve(ctx, "10.0.0.5", other); !errors.Is(err, errTaken) {
		t.Errorf("another service of the same name got it: %v", err)
	}
	for range 2 { // may be repeated
		if err := p.release(ctx, "10.0.0.5", mine); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.reserve(ctx, "10.0.0.5", other); err != nil {
		t.Error(err)
	}
}

func TestRepair(t *testing.T) {
	etcd := newMemory()
	a := newAllocator(t, etcd)
	ctx := context.Background()
	services := []corev1.Service{*service("restored", func(s *corev1.ServiceSpec) {
		s.ClusterIP, s.ClusterIPs = "10.0.0.7", []string{"10.0.0.7"}
	})}
	p := a.families[0].pool
	if err := p.reserve(ctx, "10.0.0.8", owner{"shop", "crashed", "1"}); err != nil {
		t.Fatal(err)
	}
	read := func() map[held]reservation {
		all, err := p.all(ctx)
		if err != nil {
			t.Fatal(err)
		}
		reserved := map[held]reservation{}
		for name, r := range all {
			reserved[held{p, name}] = r
		}
		return reserved
	}
	missing, orphaned := a.compare(ctx, services, read())
	if len(missing) != 1 || missing[held{p, "10.0.0.7"}].Name != "restored" {
		t.Errorf("missing: %v", missing)
	}
	if len(orphaned) != 1 || orphaned[held{p, "10.0.0.8"}] == 0 {
		t.Errorf("orphaned: %v", orphaned)
	}
	// Its owner's create may have been under way: a new reservation of the same name is not the orphan of before.
	if err := p.release(ctx, "10.0.0.8", owner{"shop", "crashed", "1"}); err != nil {
		t.Fatal(err)
	}
	if err := p.reserve(ctx, "10.0.0.8", owner{"shop", "new", "2"}); err != nil {
		t.Fatal(err)
	}
	if _, again := a.compare(ctx, services, read()); again[held{p, "10.0.0.8"}] == orphaned[held{p, "10.0.0.8"}] {
		t.Error("a new reservation looks like the old orphan")
	}
}

func TestEtcdFailureIsNoAllocation(t *testing.T) {
	etcd := newMemory()
	a := newAllocator(t, etcd)
	etcd.fails = errors.New("etcd is down")
	if err := create(a, service("a", nil), true); err == nil || !strings.Contains(err.Error(), "etcd is down") {
		t.Errorf("%v", err)
	}
}

func TestIPAddressesAreReadableByOthers(t *testing.T) {
	space, err := newAddresses(netip.MustParsePrefix("10.0.0.0/24"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := space.encode("10.0.0.5", owner{"shop", "a", "1"}, metav1.Now())
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(data), "k8s\x00") {
		t.Errorf("not Kubernetes' protobuf: %q", data[:8])
	}
	back, err := space.decode(data)
	if diff := cmp.Diff(owner{"shop", "a", "1"}, back); err != nil || diff != "" {
		t.Error(err, diff)
	}
}
