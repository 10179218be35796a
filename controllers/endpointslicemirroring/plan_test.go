// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpointslicemirroring

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func newEndpoints(subsets ...corev1.EndpointSubset) *corev1.Endpoints { //nolint:staticcheck // the old kind is what it is about
	return &corev1.Endpoints{ //nolint:staticcheck // as above
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "db", UID: "1", Labels: map[string]string{"team": "a"},
			Annotations: map[string]string{corev1.LastAppliedConfigAnnotation: "{}", "note": "x"}},
		Subsets: subsets,
	}
}

func subset(port int32, ready, notReady []string) corev1.EndpointSubset {
	s := corev1.EndpointSubset{Ports: []corev1.EndpointPort{{Name: "sql", Port: port, Protocol: corev1.ProtocolTCP}}}
	for _, ip := range ready {
		s.Addresses = append(s.Addresses, corev1.EndpointAddress{IP: ip})
	}
	for _, ip := range notReady {
		s.NotReadyAddresses = append(s.NotReadyAddresses, corev1.EndpointAddress{IP: ip})
	}
	return s
}

func TestMirror(t *testing.T) {
	endpoints := newEndpoints(subset(5432, []string{"192.0.2.1", "2001:db8::1"}, []string{"192.0.2.2"}), subset(5433, []string{"192.0.2.3"}, nil))
	got := map[string]bool{}
	for _, slice := range mirror(endpoints) {
		line := fmt.Sprint(slice.AddressType, " ", *slice.Ports[0].Port)
		for _, e := range slice.Endpoints {
			line += fmt.Sprint(" ", e.Addresses[0], "=", *e.Conditions.Ready)
		}
		got[line] = true
		if diff := cmp.Diff(map[string]string{"team": "a", discoveryv1.LabelServiceName: "db", discoveryv1.LabelManagedBy: manager}, slice.Labels); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(map[string]string{"note": "x"}, slice.Annotations); diff != "" {
			t.Error(diff)
		}
	}
	want := map[string]bool{"IPv4 5432 192.0.2.1=true 192.0.2.2=false": true, "IPv6 5432 2001:db8::1=true": true, "IPv4 5433 192.0.2.3=true": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(mirror(endpoints), mirror(endpoints.DeepCopy())); diff != "" {
		t.Errorf("mirroring twice differs: %s", diff)
	}
}

func TestMirrored(t *testing.T) {
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "db"}}
	selecting := &corev1.Service{ObjectMeta: service.ObjectMeta, Spec: corev1.ServiceSpec{Selector: map[string]string{"a": "b"}}}
	skipped := newEndpoints()
	skipped.Labels[discoveryv1.LabelSkipMirror] = "true"
	tests := []struct {
		name      string
		endpoints *corev1.Endpoints //nolint:staticcheck // as above
		service   *corev1.Service
		want      bool
	}{
		{"a Service without a selector", newEndpoints(), service, true},
		{"a Service with one", newEndpoints(), selecting, false},
		{"no Service", newEndpoints(), &corev1.Service{}, false},
		{"no Endpoints", &corev1.Endpoints{}, service, false}, //nolint:staticcheck // as above
		{"Endpoints that don't want it", skipped, service, false},
	}
	for _, test := range tests {
		if got := mirrored(test.endpoints, test.service); got != test.want {
			t.Errorf("%s: mirrored() = %t, want %t", test.name, got, test.want)
		}
	}
}
