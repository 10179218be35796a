// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

// newService is a valid service with what the allocators give, changed and then defaulted.
func newService(changes ...func(*corev1.ServiceSpec)) *corev1.Service {
	s := &corev1.Service{Spec: corev1.ServiceSpec{
		ClusterIP:      "10.96.0.5",
		ClusterIPs:     []string{"10.96.0.5"},
		IPFamilies:     []corev1.IPFamily{corev1.IPv4Protocol},
		IPFamilyPolicy: ptr.To(corev1.IPFamilyPolicySingleStack),
		Selector:       map[string]string{"app": "web"},
		Ports:          []corev1.ServicePort{{Port: 80}},
	}}
	for _, change := range changes {
		change(&s.Spec)
	}
	defaultService(s)
	return s
}

func TestDefaultService(t *testing.T) {
	s := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}, SessionAffinity: corev1.ServiceAffinityClientIP}}
	defaultService(s)
	want := corev1.ServiceSpec{
		Ports:                 []corev1.ServicePort{{Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromInt32(80)}},
		Type:                  corev1.ServiceTypeClusterIP,
		SessionAffinity:       corev1.ServiceAffinityClientIP,
		SessionAffinityConfig: &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To[int32](10800)}},
		InternalTrafficPolicy: ptr.To(corev1.ServiceInternalTrafficPolicyCluster),
	}
	if diff := cmp.Diff(want, s.Spec); diff != "" {
		t.Errorf("spec (-want +got):\n%s", diff)
	}
}

func TestValidateService(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*corev1.ServiceSpec)
		want   []string
	}{
		{"valid", func(*corev1.ServiceSpec) {}, nil},
		{"no ports", func(s *corev1.ServiceSpec) { s.Ports = nil }, []string{"spec.ports: Required value"}},
		{"headless without ports", func(s *corev1.ServiceSpec) {
			s.Ports, s.ClusterIP, s.ClusterIPs = nil, "None", []string{"None"}
		}, nil},
		{"port out of range", func(s *corev1.ServiceSpec) { s.Ports[0].Port = 0; s.Ports[0].TargetPort = intstr.FromString("1") }, []string{
			"spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
			`spec.ports[0].targetPort: Invalid value: "1": must contain at least one letter (a-z)`}},
		{"two ports without names", func(s *corev1.ServiceSpec) { s.Ports = []corev1.ServicePort{{Port: 80}, {Port: 81}} }, []string{
			"spec.ports[0].name: Required value", "spec.ports[1].name: Required value"}},
		{"same port twice", func(s *corev1.ServiceSpec) {
			s.Ports = []corev1.ServicePort{{Name: "a", Port: 80}, {Name: "b", Port: 80}}
		}, []string{
			"spec.ports[1]: Duplicate value: …"}},
		{"unknown type", func(s *corev1.ServiceSpec) { s.Type = "Magic" }, []string{
			`spec.type: Unsupported value: "Magic": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"`}},
		{"node port of a ClusterIP", func(s *corev1.ServiceSpec) { s.Ports[0].NodePort = 30000 }, []string{
			"spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"}},
		{"same node port twice", func(s *corev1.ServiceSpec) {
			s.Type = corev1.ServiceTypeNodePort
			s.Ports = []corev1.ServicePort{{Name: "a", Port: 80, NodePort: 30000}, {Name: "b", Port: 81, NodePort: 30000}}
		}, []string{"spec.ports[1].nodePort: Duplicate value: 30000"}},
		{"headless node port", func(s *corev1.ServiceSpec) {
			s.Type, s.ClusterIP, s.ClusterIPs = corev1.ServiceTypeNodePort, "None", []string{"None"}
		}, []string{`spec.clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services`}},
		{"external name", func(s *corev1.ServiceSpec) {
			*s = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com."}
		}, nil},
		{"external name without one", func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeExternalName }, []string{
			"spec.clusterIPs: Forbidden: may not be set for ExternalName services",
			"spec.ipFamilies: Forbidden: may not be set for ExternalName services",
			"spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services",
			"spec.externalName: Required value"}},
		{"affinity for ever", func(s *corev1.ServiceSpec) {
			s.SessionAffinity = corev1.ServiceAffinityClientIP
			s.SessionAffinityConfig = &corev1.SessionAffinityConfig{ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To[int32](86401)}}
		}, []string{"spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400"}},
		{"no address", func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = "x", []string{"x"} }, []string{
			`spec.clusterIPs[0]: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`}},
		{"address of another family", func(s *corev1.ServiceSpec) { s.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol} }, []string{
			"spec.clusterIPs[0]: Invalid value: \"10.96.0.5\": expected an IPv6 value as indicated by `ipFamilies[0]`"}},
		{"addresses that differ", func(s *corev1.ServiceSpec) { s.ClusterIP = "10.96.0.6" }, []string{
			"spec.clusterIPs: Invalid value: [\"10.96.0.5\"]: first value must match `clusterIP`"}},
		{"loopback from outside", func(s *corev1.ServiceSpec) { s.ExternalIPs = []string{"127.0.0.1"} }, []string{
			`spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)`}},
		{"source ranges without a balancer", func(s *corev1.ServiceSpec) { s.LoadBalancerSourceRanges = []string{"10.0.0.0/8"} }, []string{
			"spec.loadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"}},
		{"the node agent's port", func(s *corev1.ServiceSpec) { s.Type, s.Ports[0].Port = corev1.ServiceTypeLoadBalancer, 10250 }, []string{
			"spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet"}},
		{"external policy of an internal service", func(s *corev1.ServiceSpec) { s.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal }, []string{
			`spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services`}},
		{"unknown distribution", func(s *corev1.ServiceSpec) { s.TrafficDistribution = ptr.To("Far") }, []string{
			`spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"`}},
	} {
		t.Run(tc.name, func(t *testing.T) { compare(t, validateService(newService(tc.change), nil), tc.want) })
	}
}

func TestUpdateService(t *testing.T) {
	nodePort := func(s *corev1.ServiceSpec) {
		s.Type, s.Ports[0].NodePort = corev1.ServiceTypeNodePort, 30080
	}
	for _, tc := range []struct {
		name        string
		old, change func(*corev1.ServiceSpec)
		check       func(*testing.T, *corev1.Service)
		want        []string
	}{
		{"address left out", func(*corev1.ServiceSpec) {}, func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs = "", nil },
			func(t *testing.T, s *corev1.Service) {
				if s.Spec.ClusterIP != "10.96.0.5" || s.Spec.ClusterIPs[0] != "10.96.0.5" {
					t.Errorf("address lost: %v", s.Spec)
				}
			}, nil},
		{"address changed", func(*corev1.ServiceSpec) {}, func(s *corev1.ServiceSpec) { s.ClusterIP = "10.96.0.9" }, nil, []string{
			`spec.clusterIPs[0]: Invalid value: ["10.96.0.9"]: may not change once set`}},
		{"node port left out", nodePort, func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeNodePort },
			func(t *testing.T, s *corev1.Service) {
				if s.Spec.Ports[0].NodePort != 30080 {
					t.Errorf("node port lost: %v", s.Spec.Ports)
				}
			}, nil},
		{"no longer a node port", nodePort, func(s *corev1.ServiceSpec) {
			nodePort(s)
			s.Type, s.ExternalTrafficPolicy = corev1.ServiceTypeClusterIP, corev1.ServiceExternalTrafficPolicyCluster
		}, func(t *testing.T, s *corev1.Service) {
			if s.Spec.Ports[0].NodePort != 0 || s.Spec.ExternalTrafficPolicy != "" {
				t.Errorf("left over: %v", s.Spec)
			}
		}, nil},
		{"becomes an external name", func(*corev1.ServiceSpec) {}, func(s *corev1.ServiceSpec) {
			s.Type, s.ExternalName = corev1.ServiceTypeExternalName, "example.com"
		}, func(t *testing.T, s *corev1.Service) {
			if s.Spec.ClusterIP != "" || s.Spec.ClusterIPs != nil || s.Spec.IPFamilies != nil {
				t.Errorf("left over: %v", s.Spec)
			}
		}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, old := newService(tc.change), newService(tc.old)
			Services.OnUpdate(t.Context(), s, old)
			if tc.check != nil {
				tc.check(t, s)
			}
			compare(t, validateService(s, old), tc.want)
		})
	}
}

func TestServiceColumns(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*corev1.ServiceSpec)
		want   map[string]any
	}{
		{"cluster IP", func(*corev1.ServiceSpec) {}, map[string]any{"Type": "ClusterIP", "Cluster-IP": "10.96.0.5", "External-IP": "<none>", "Port(s)": "80/TCP", "Selector": "app=web"}},
		{"headless", func(s *corev1.ServiceSpec) { s.ClusterIP, s.ClusterIPs, s.Ports = "None", []string{"None"}, nil },
			map[string]any{"Cluster-IP": "None", "Port(s)": "<none>"}},
		{"node port", func(s *corev1.ServiceSpec) {
			s.Type, s.Ports = corev1.ServiceTypeNodePort, []corev1.ServicePort{{Port: 80, NodePort: 30080}, {Port: 53, NodePort: 30053, Protocol: corev1.ProtocolUDP}}
		}, map[string]any{"Type": "NodePort", "Port(s)": "80:30080/TCP,53:30053/UDP"}},
		{"load balancer", func(s *corev1.ServiceSpec) { s.Type = corev1.ServiceTypeLoadBalancer }, map[string]any{"External-IP": "<pending>"}},
		{"external name", func(s *corev1.ServiceSpec) {
			*s = corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "example.com"}
		}, map[string]any{"Cluster-IP": "<none>", "External-IP": "example.com", "Selector": "<none>"}},
	} {
		t.Run(tc.name, func(t *testing.T) { compareCells(t, Services, newService(tc.change), tc.want) })
	}
}

func TestServiceStatus(t *testing.T) {
	with := func(kind corev1.ServiceType, ingress corev1.LoadBalancerIngress) *corev1.Service {
		return &corev1.Service{
			Spec:   corev1.ServiceSpec{Type: kind},
			Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{ingress}}},
		}
	}
	const at = "status.loadBalancer.ingress"
	for _, tc := range []struct {
		name    string
		service *corev1.Service
		want    []string
	}{
		{"valid", with(corev1.ServiceTypeLoadBalancer, corev1.LoadBalancerIngress{IP: "192.0.2.1", IPMode: ptr.To(corev1.LoadBalancerIPModeVIP)}), nil},
		{"of another type", with(corev1.ServiceTypeClusterIP, corev1.LoadBalancerIngress{Hostname: "a"}), []string{
			at + ": Forbidden: may only be used when `spec.type` is \"LoadBalancer\""}},
		{"without a mode", with(corev1.ServiceTypeLoadBalancer, corev1.LoadBalancerIngress{IP: "192.0.2.1"}), []string{
			at + "[0].ipMode: Required value: must be specified when `ip` is set"}},
		{"a condition without a time", &corev1.Service{Status: corev1.ServiceStatus{Conditions: []metav1.Condition{
			{Type: "StatusUpdate", Status: metav1.ConditionTrue, Reason: "E2E"}}}}, nil},
		{"an address for a name", with(corev1.ServiceTypeLoadBalancer, corev1.LoadBalancerIngress{Hostname: "192.0.2.1"}), []string{
			at + `[0].hostname: Invalid value: "192.0.2.1": must be a DNS name, not an IP address`}},
	} {
		t.Run(tc.name, func(t *testing.T) { compare(t, validateServiceStatus(tc.service, tc.service), tc.want) })
	}
}

func TestServiceWarnings(t *testing.T) {
	headless := newService(func(s *corev1.ServiceSpec) {
		s.ClusterIP, s.ClusterIPs, s.SessionAffinity = "None", []string{"None"}, corev1.ServiceAffinityClientIP
		s.ExternalName = "example.com"
	})
	want := []string{`spec.externalName is ignored when spec.type is not "ExternalName"`, "spec.SessionAffinity is ignored for headless services"}
	if diff := cmp.Diff(want, serviceWarnings(headless, nil)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
	if again := serviceWarnings(headless, headless); again != nil {
		t.Errorf("an unchanged spec warns again: %q", again)
	}
}
