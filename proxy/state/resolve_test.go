// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"
)

func addresses(endpoints []Endpoint) []string {
	var list []string
	for _, e := range endpoints {
		list = append(list, e.Addr.String())
	}
	return list
}

func TestWhichEndpointsGetConnections(t *testing.T) {
	for name, c := range map[string]struct {
		slices         []*discoveryv1.EndpointSlice
		cluster, local []string
	}{
		"ready ones, sorted": {
			slices:  []*discoveryv1.EndpointSlice{slice("s", at("10.244.0.3", local), at("10.244.0.2"), at("10.244.0.4", unready))},
			cluster: []string{"10.244.0.2", "10.244.0.3"}, local: []string{"10.244.0.3"},
		},
		"no word about readiness means ready": {
			slices: []*discoveryv1.EndpointSlice{slice("s", at("10.244.0.2", func(e *discoveryv1.Endpoint) {
				e.Conditions = discoveryv1.EndpointConditions{}
			}))},
			cluster: []string{"10.244.0.2"},
		},
		"terminating ones only while none is ready": {
			slices:  []*discoveryv1.EndpointSlice{slice("s", at("10.244.0.2", draining), at("10.244.0.3"))},
			cluster: []string{"10.244.0.3"},
		},
		"those that still serve when the last ready one has gone": {
			slices:  []*discoveryv1.EndpointSlice{slice("s", at("10.244.0.2", draining), at("10.244.0.3", dying), at("10.244.0.4", unready))},
			cluster: []string{"10.244.0.2"},
		},
		"each scope falls back for itself": {
			slices:  []*discoveryv1.EndpointSlice{slice("s", at("10.244.0.2", draining, local), at("10.244.0.3"))},
			cluster: []string{"10.244.0.3"}, local: []string{"10.244.0.2"},
		},
		"several slices are one list": {
			slices:  []*discoveryv1.EndpointSlice{slice("a", at("10.244.0.2")), slice("b", at("10.244.0.3"))},
			cluster: []string{"10.244.0.2", "10.244.0.3"},
		},
		"an address in two slices counts once, at its best": {
			slices:  []*discoveryv1.EndpointSlice{slice("a", at("10.244.0.2", unready)), slice("b", at("10.244.0.2"))},
			cluster: []string{"10.244.0.2"},
		},
		"slices of another family are left out": {
			slices: []*discoveryv1.EndpointSlice{func() *discoveryv1.EndpointSlice {
				s := slice("a", at("fd00::1"))
				s.AddressType = discoveryv1.AddressTypeIPv6
				return s
			}()},
		},
		"ports are matched by name": {
			slices: []*discoveryv1.EndpointSlice{func() *discoveryv1.EndpointSlice {
				s := slice("a", at("10.244.0.2"))
				s.Ports[0].Name = ptr.To("other")
				return s
			}()},
		},
		"hints for the zone": {
			slices:  []*discoveryv1.EndpointSlice{slice("s", at("10.244.0.2", forZone("a")), at("10.244.0.3", forZone("b")))},
			cluster: []string{"10.244.0.2"},
		},
		"hints that leave the zone without any are ignored": {
			slices:  []*discoveryv1.EndpointSlice{slice("s", at("10.244.0.2", forZone("c")), at("10.244.0.3", forZone("b")))},
			cluster: []string{"10.244.0.2", "10.244.0.3"},
		},
		"hints are ignored unless every ready endpoint has them": {
			slices:  []*discoveryv1.EndpointSlice{slice("s", at("10.244.0.2", forZone("a")), at("10.244.0.3"), at("10.244.0.4", unready))},
			cluster: []string{"10.244.0.2", "10.244.0.3"},
		},
		"hints for the node come before those for the zone": {
			slices: []*discoveryv1.EndpointSlice{slice("s",
				at("10.244.0.2", forZone("a"), forNode(here)), at("10.244.0.3", forZone("a"), forNode("elsewhere")))},
			cluster: []string{"10.244.0.2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := Resolve(web(nil), c.slices, testNode).Ports[0]
			if diff := cmp.Diff([][]string{c.cluster, c.local}, [][]string{addresses(got.Pools[Cluster]), addresses(got.Pools[Local])}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestWhereAServiceAnswers(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*corev1.Service)
		want []string // address, kind, scope, sources
	}{
		"its cluster IP": {want: []string{"TCP 10.96.0.20:80 0 0 []"}},
		"the policy Local inside": {
			edit: func(s *corev1.Service) {
				s.Spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyLocal)
			},
			want: []string{"TCP 10.96.0.20:80 0 1 []"},
		},
		"a node port": {
			edit: func(s *corev1.Service) { s.Spec.Type, s.Spec.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080 },
			want: []string{"TCP 10.96.0.20:80 0 0 []", "TCP 127.0.0.1:30080 1 0 []"},
		},
		"everything of a load balancer, with the policy Local outside": {
			edit: func(s *corev1.Service) {
				s.Spec.Type = corev1.ServiceTypeLoadBalancer
				s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal
				s.Spec.Ports[0].NodePort = 30080
				s.Spec.ExternalIPs = []string{"198.51.100.7", "fd00::7"}
				s.Spec.LoadBalancerSourceRanges = []string{"192.0.2.128/25", "192.0.2.0/24", "192.0.2.7/32", "192.0.2.9/24"}
				s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{
					{IP: "203.0.113.9"}, {Hostname: "lb.example"}, {IP: "203.0.113.10", IPMode: ptr.To(corev1.LoadBalancerIPModeProxy)},
				}
			},
			want: []string{
				"TCP 10.96.0.20:80 0 0 []", "TCP 127.0.0.1:30080 1 1 []", "TCP 198.51.100.7:80 2 1 []", "TCP 203.0.113.9:80 3 1 [192.0.2.0/24]",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, e := range Resolve(web(c.edit), nil, testNode).Ports[0].Entries {
				got = append(got, fmt.Sprintf("%s %d %d %v", e.Frontend, e.Kind, e.Scope, e.Sources))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestServicesThatAreNotOurs(t *testing.T) {
	for name, edit := range map[string]func(*corev1.Service){
		"headless":             func(s *corev1.Service) { s.Spec.ClusterIP = corev1.ClusterIPNone },
		"without an address":   func(s *corev1.Service) { s.Spec.ClusterIP = "" },
		"an external name":     func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeExternalName },
		"of another proxy":     func(s *corev1.Service) { s.Labels = map[string]string{labelServiceProxyName: "mesh"} },
		"of the other family":  func(s *corev1.Service) { s.Spec.ClusterIP = "fd00::1" },
		"of that only, listed": func(s *corev1.Service) { s.Spec.ClusterIP, s.Spec.ClusterIPs = "fd00::1", []string{"fd00::1"} },
	} {
		t.Run(name, func(t *testing.T) {
			if got := Resolve(web(edit), nil, testNode); got != nil {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAffinityAndPorts(t *testing.T) {
	service := web(func(s *corev1.Service) {
		s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP
		s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP})
	})
	got := Resolve(service, nil, testNode)
	if len(got.Ports) != 2 || got.Ports[0].ID.Protocol != TCP || got.Ports[1].ID.Protocol != UDP {
		t.Fatalf("ports are %+v", got.Ports)
	}
	if got.Ports[0].Affinity != 3*time.Hour {
		t.Errorf("the default affinity is %v", got.Ports[0].Affinity)
	}
	service.Spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To(int32(7))}}
	if got := Resolve(service, nil, testNode).Ports[0].Affinity; got != 7*time.Second {
		t.Errorf("the affinity is %v", got)
	}
}
