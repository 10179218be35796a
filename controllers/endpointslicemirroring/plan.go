// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpointslicemirroring

import (
	"fmt"
	"hash/fnv"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
)

// maxEndpoints is how many endpoints of one set of ports are mirrored: as many as a slice may hold.
const maxEndpoints = 1000

// mirrored reports whether slices are to be made of an Endpoints object. Objects that are not there have no name.
func mirrored(endpoints *corev1.Endpoints, service *corev1.Service) bool { //nolint:staticcheck // see SetupWithManager
	_, lock := endpoints.Annotations[resourcelock.LeaderElectionRecordAnnotationKey]
	return endpoints.Name != "" && endpoints.DeletionTimestamp == nil && !lock && endpoints.Labels[discoveryv1.LabelSkipMirror] != "true" &&
		service.Name != "" && service.Spec.Selector == nil && service.Spec.Type != corev1.ServiceTypeExternalName
}

// mirror returns the slices of an Endpoints object, in a stable order.
func mirror(endpoints *corev1.Endpoints) []*discoveryv1.EndpointSlice { //nolint:staticcheck // see SetupWithManager
	found := map[string]*discoveryv1.EndpointSlice{}
	for i := range endpoints.Subsets {
		subset := &endpoints.Subsets[i]
		add(endpoints, found, subset.Ports, subset.Addresses, true)
		add(endpoints, found, subset.Ports, subset.NotReadyAddresses, false)
	}
	result := make([]*discoveryv1.EndpointSlice, 0, len(found))
	for _, name := range slices.Sorted(maps.Keys(found)) {
		result = append(result, found[name])
	}
	return result
}

// add puts addresses into the slices of their families.
func add(endpoints *corev1.Endpoints, found map[string]*discoveryv1.EndpointSlice, ports []corev1.EndpointPort, addresses []corev1.EndpointAddress, ready bool) { //nolint:staticcheck // see SetupWithManager
	for i := range addresses {
		ip, err := netip.ParseAddr(addresses[i].IP)
		if err != nil {
			continue // refused by the API server's validation
		}
		family := discoveryv1.AddressTypeIPv4
		if ip.Is6() {
			family = discoveryv1.AddressTypeIPv6
		}
		name := nameOf(endpoints.Name, family, ports)
		if found[name] == nil {
			found[name] = newSlice(endpoints, name, family, ports)
		}
		if len(found[name].Endpoints) < maxEndpoints {
			found[name].Endpoints = append(found[name].Endpoints, endpointOf(&addresses[i], ready))
		}
	}
}

// nameOf names a slice by what sets it apart from others of the same Endpoints.
func nameOf(base string, family discoveryv1.AddressType, ports []corev1.EndpointPort) string {
	hash := fnv.New32a()
	fmt.Fprint(hash, family)
	for _, port := range ports {
		fmt.Fprintf(hash, ";%s/%d/%s/%s", port.Name, port.Port, port.Protocol, ptr.Deref(port.AppProtocol, ""))
	}
	return base + "-" + rand.SafeEncodeString(fmt.Sprint(hash.Sum32()))
}

func newSlice(endpoints *corev1.Endpoints, name string, family discoveryv1.AddressType, ports []corev1.EndpointPort) *discoveryv1.EndpointSlice { //nolint:staticcheck // see SetupWithManager
	labels, annotations := maps.Clone(endpoints.Labels), maps.Clone(endpoints.Annotations)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[discoveryv1.LabelServiceName], labels[discoveryv1.LabelManagedBy] = endpoints.Name, manager
	delete(annotations, corev1.LastAppliedConfigAnnotation)
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: endpoints.Namespace, Name: name, Labels: labels, Annotations: annotations,
			OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(endpoints, corev1.SchemeGroupVersion.WithKind("Endpoints"))},
		},
		AddressType: family,
	}
	for i := range ports {
		port := ports[i]
		slice.Ports = append(slice.Ports, discoveryv1.EndpointPort{Name: &port.Name, Port: &port.Port, Protocol: &port.Protocol, AppProtocol: port.AppProtocol})
	}
	return slice
}

func endpointOf(address *corev1.EndpointAddress, ready bool) discoveryv1.Endpoint {
	endpoint := discoveryv1.Endpoint{
		Addresses: []string{address.IP}, Conditions: discoveryv1.EndpointConditions{Ready: &ready},
		NodeName: address.NodeName, TargetRef: address.TargetRef,
	}
	if address.Hostname != "" {
		endpoint.Hostname = &address.Hostname
	}
	return endpoint
}
