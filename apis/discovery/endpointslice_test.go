// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

func slice(change ...func(*discoveryv1.EndpointSlice)) *discoveryv1.EndpointSlice {
	s := &discoveryv1.EndpointSlice{
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{"10.244.0.5"}, NodeName: ptr.To("node-1")}},
		Ports:       []discoveryv1.EndpointPort{{Name: ptr.To("http"), Port: ptr.To[int32](8080)}},
	}
	defaultEndpointSlice(s)
	for _, c := range change {
		c(s)
	}
	return s
}

func address(addressType discoveryv1.AddressType, address string) func(*discoveryv1.EndpointSlice) {
	return func(s *discoveryv1.EndpointSlice) {
		s.AddressType = addressType
		s.Endpoints[0].Addresses = []string{address}
	}
}

func TestEndpointSliceDefaults(t *testing.T) {
	s := &discoveryv1.EndpointSlice{Ports: []discoveryv1.EndpointPort{{}, {Name: ptr.To("dns"), Protocol: ptr.To(corev1.ProtocolUDP)}}}
	defaultEndpointSlice(s)
	want := []discoveryv1.EndpointPort{
		{Name: ptr.To(""), Protocol: ptr.To(corev1.ProtocolTCP)},
		{Name: ptr.To("dns"), Protocol: ptr.To(corev1.ProtocolUDP)},
	}
	if diff := cmp.Diff(want, s.Ports); diff != "" {
		t.Error(diff)
	}
}

func TestValidateEndpointSlice(t *testing.T) {
	ports := func(ports ...discoveryv1.EndpointPort) func(*discoveryv1.EndpointSlice) {
		return func(s *discoveryv1.EndpointSlice) {
			s.Ports = ports
			defaultEndpointSlice(s)
		}
	}
	endpoint := func(change func(*discoveryv1.Endpoint)) func(*discoveryv1.EndpointSlice) {
		return func(s *discoveryv1.EndpointSlice) { change(&s.Endpoints[0]) }
	}
	for name, c := range map[string]struct {
		change func(*discoveryv1.EndpointSlice)
		want   []string
	}{
		"IPv4":            {change: func(*discoveryv1.EndpointSlice) {}},
		"IPv6":            {change: address(discoveryv1.AddressTypeIPv6, "fd00::5")},
		"a name":          {change: address(discoveryv1.AddressTypeFQDN, "example.com")},
		"no address type": {address("", "x"), []string{`addressType: Required value`}},
		"an unknown address type": {address("IPX", "x"), []string{
			`addressType: Unsupported value: "IPX": supported values: "FQDN", "IPv4", "IPv6"`}},
		"IPv6 among IPv4": {address(discoveryv1.AddressTypeIPv4, "fd00::5"), []string{
			`endpoints[0].addresses[0]: Invalid value: "fd00::5": must be an IPv4 address`}},
		"IPv4 among IPv6": {address(discoveryv1.AddressTypeIPv6, "10.0.0.1"), []string{
			`endpoints[0].addresses[0]: Invalid value: "10.0.0.1": must be an IPv6 address`}},
		"no address at all": {address(discoveryv1.AddressTypeIPv4, "web"), []string{
			`endpoints[0].addresses[0]: Invalid value: "web": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`}},
		"leading zeros": {address(discoveryv1.AddressTypeIPv4, "010.0.0.1"), []string{
			`endpoints[0].addresses[0]: Invalid value: "010.0.0.1": must not have leading 0s`}},
		"loopback": {address(discoveryv1.AddressTypeIPv4, "127.0.0.1"), []string{
			`endpoints[0].addresses[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`}},
		"link-local": {address(discoveryv1.AddressTypeIPv4, "169.254.169.254"), []string{
			`endpoints[0].addresses[0]: Invalid value: "169.254.169.254": may not be in the link-local range (169.254.0.0/16, fe80::/10)`}},
		"link-local multicast": {address(discoveryv1.AddressTypeIPv6, "ff02::1"), []string{
			`endpoints[0].addresses[0]: Invalid value: "ff02::1": may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)`}},
		"unspecified": {address(discoveryv1.AddressTypeIPv6, "::"), []string{
			`endpoints[0].addresses[0]: Invalid value: "::": may not be unspecified (0.0.0.0 or ::)`}},
		"a wrong name": {address(discoveryv1.AddressTypeFQDN, "example"), []string{
			`endpoints[0].addresses[0]: Invalid value: "example": should be a domain with at least two segments separated by dots`}},
		"no addresses": {endpoint(func(e *discoveryv1.Endpoint) { e.Addresses = nil }), []string{`endpoints[0].addresses: Required value`}},
		"too many addresses": {endpoint(func(e *discoveryv1.Endpoint) {
			e.Addresses = nil
			for i := range 101 {
				e.Addresses = append(e.Addresses, fmt.Sprintf("10.0.0.%d", i))
			}
		}), []string{`endpoints[0].addresses: Too many: 101: must have at most 100 items`}},
		"too many endpoints": {func(s *discoveryv1.EndpointSlice) { s.Endpoints = make([]discoveryv1.Endpoint, 1001) },
			[]string{`endpoints: Too many: 1001: must have at most 1000 items`}},
		"wrong names": {endpoint(func(e *discoveryv1.Endpoint) { e.NodeName, e.Hostname = ptr.To("Node"), ptr.To("a.b") }), []string{
			`endpoints[0].nodeName: Invalid value: "Node": a lowercase RFC 1123 subdomain must consist of…`,
			`endpoints[0].hostname: Invalid value: "a.b": must not contain dots`}},
		"hints": {endpoint(func(e *discoveryv1.Endpoint) {
			e.Hints = &discoveryv1.EndpointHints{
				ForZones: []discoveryv1.ForZone{{Name: "a"}, {Name: "a"}, {Name: "-"}},
				ForNodes: make([]discoveryv1.ForNode, 9),
			}
		}), []string{
			`endpoints[0].hints.forZones[1].name: Duplicate value: "a"`,
			`endpoints[0].hints.forZones[2].name: Invalid value: "-": a valid label must be…`,
			`endpoints[0].hints.forNodes: Too many: 9: must have at most 8 items`}},
		"no ports": {change: ports()},
		"the same port name twice": {ports(discoveryv1.EndpointPort{}, discoveryv1.EndpointPort{}), []string{
			`ports[1].name: Duplicate value: ""`}},
		"wrong ports": {ports(discoveryv1.EndpointPort{
			Name: ptr.To("HTTP"), Port: ptr.To[int32](70000), Protocol: ptr.To[corev1.Protocol]("ICMP"), AppProtocol: ptr.To("a b"),
		}), []string{
			`ports[0].name: Invalid value: "HTTP": a lowercase RFC 1123 label must consist of…`,
			`ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive`,
			`ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`,
			`ports[0].appProtocol: Invalid value: "a b": name part must consist of…`}},
		"no protocol": {func(s *discoveryv1.EndpointSlice) { s.Ports[0].Protocol = nil }, []string{`ports[0].protocol: Required value`}},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, validateEndpointSlice(slice(c.change), nil), c.want...)
		})
	}
}

func TestValidateEndpointSliceUpdate(t *testing.T) {
	metatest.CheckErrors(t, validateEndpointSlice(slice(address(discoveryv1.AddressTypeIPv6, "fd00::5")), slice()),
		`addressType: Invalid value: "IPv6": field is immutable`)
	sloppy := slice(address(discoveryv1.AddressTypeIPv4, "010.0.0.1"))
	metatest.CheckErrors(t, validateEndpointSlice(sloppy, sloppy))
}

func TestEndpointSliceWarnings(t *testing.T) {
	for name, c := range map[string]struct {
		slice *discoveryv1.EndpointSlice
		want  string
	}{
		"a usual one":                 {slice(), ""},
		"names":                       {slice(address(discoveryv1.AddressTypeFQDN, "example.com")), "addressType: FQDN endpoints are deprecated"},
		"an address in a longer form": {slice(address(discoveryv1.AddressTypeIPv6, "fd00:0::5")), `endpoints[0].addresses[0]: IPv6 address "fd00:0::5" should be in RFC 5952 canonical format ("fd00::5")`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := strings.Join(endpointSliceWarnings(c.slice, nil), "; "); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestEndpointSliceMeaning(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*discoveryv1.EndpointSlice)
		want   bool
	}{
		"endpoints":   {func(s *discoveryv1.EndpointSlice) { s.Endpoints[0].Zone = ptr.To("z") }, true},
		"ports":       {func(s *discoveryv1.EndpointSlice) { s.Ports = nil }, true},
		"labels":      {func(s *discoveryv1.EndpointSlice) { s.Labels = map[string]string{"a": "b"} }, true},
		"annotations": {func(s *discoveryv1.EndpointSlice) { s.Annotations = map[string]string{"a": "b"} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := EndpointSlices.Meaning(slice(c.change), slice()); got != c.want {
				t.Errorf("raises the generation: %v, want %v", got, c.want)
			}
		})
	}
}

func TestTopologyOfOlderVersions(t *testing.T) {
	old := slice(func(s *discoveryv1.EndpointSlice) {
		s.Endpoints[0].DeprecatedTopology = map[string]string{"topology.kubernetes.io/zone": "a"}
	})
	created := old.DeepCopy()
	EndpointSlices.OnCreate(context.Background(), created)
	same := old.DeepCopy()
	EndpointSlices.OnUpdate(context.Background(), same, old)
	changed := old.DeepCopy()
	changed.Endpoints[0].Zone = ptr.To("b")
	EndpointSlices.OnUpdate(context.Background(), changed, old)
	for name, c := range map[string]struct {
		slice *discoveryv1.EndpointSlice
		kept  bool
	}{"created": {created, false}, "left alone": {same, true}, "changed": {changed, false}} {
		if got := c.slice.Endpoints[0].DeprecatedTopology != nil; got != c.kept {
			t.Errorf("%s: topology is kept: %v, want %v", name, got, c.kept)
		}
	}
}

func TestEndpointSliceRow(t *testing.T) {
	metatest.CheckRow(t, EndpointSlices, slice(), time.Now(),
		"AddressType=IPv4", "Ports=8080", "Endpoints=10.244.0.5", "Age=<unknown>")
	metatest.CheckRow(t, EndpointSlices, &discoveryv1.EndpointSlice{AddressType: discoveryv1.AddressTypeIPv6}, time.Now(),
		"AddressType=IPv6", "Ports=<unset>", "Endpoints=<unset>", "Age=<unknown>")
	many := slice(func(s *discoveryv1.EndpointSlice) {
		for i := range 4 {
			s.Endpoints = append(s.Endpoints, discoveryv1.Endpoint{Addresses: []string{fmt.Sprintf("10.0.0.%d", i)}})
		}
		s.Ports = append(s.Ports, discoveryv1.EndpointPort{Name: ptr.To("any")}, discoveryv1.EndpointPort{})
	})
	metatest.CheckRow(t, EndpointSlices, many, time.Now(),
		"AddressType=IPv4", "Ports=8080,any,*", "Endpoints=10.244.0.5,10.0.0.0,10.0.0.1 + 2 more...", "Age=<unknown>")
}
