// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	endpointslicelib "k8s.io/endpointslice"
	endpointsliceutil "k8s.io/endpointslice/util"
	"k8s.io/utils/ptr"
)

const (
	// maxAddresses is the largest number of addresses in one object.
	maxAddresses = 1000

	labelManagedBy = "endpoints.kubernetes.io/managed-by"
	managedBy      = "endpoint-controller"
)

// makePlan returns the object that should exist, starting from the one that does, and whether they differ.
func makePlan(service *corev1.Service, pods []*corev1.Pod, existing *corev1.Endpoints, trigger time.Time) (*corev1.Endpoints, bool) { //nolint:staticcheck // see SetupWithManager
	next := existing.DeepCopy()
	if next.Name == "" {
		next.ObjectMeta = objectMeta(service)
	}
	var cut bool
	next.Subsets, cut = truncate(subsets(service, pods))
	next.Labels = labelsFor(service)
	if cut {
		annotate(next, corev1.EndpointsOverCapacity, "truncated")
	} else {
		delete(next.Annotations, corev1.EndpointsOverCapacity)
	}
	if existing.Name != "" && equality.Semantic.DeepEqual(next.Subsets, existing.Subsets) &&
		equality.Semantic.DeepEqual(next.Labels, existing.Labels) &&
		equality.Semantic.DeepEqual(next.Annotations, existing.Annotations) {
		return next, false
	}
	if trigger.IsZero() {
		delete(next.Annotations, corev1.EndpointsLastChangeTriggerTime)
	} else {
		annotate(next, corev1.EndpointsLastChangeTriggerTime, trigger.UTC().Format(time.RFC3339Nano))
	}
	return next, true
}

func annotate(endpoints *corev1.Endpoints, key, value string) { //nolint:staticcheck // see SetupWithManager
	if endpoints.Annotations == nil {
		endpoints.Annotations = map[string]string{}
	}
	endpoints.Annotations[key] = value
}

// labelsFor are the labels of the Service, with marks for who made the object and for Services without an address.
func labelsFor(service *corev1.Service) map[string]string {
	labels := map[string]string{}
	maps.Copy(labels, service.Labels)
	delete(labels, corev1.IsHeadlessService)
	labels[labelManagedBy] = managedBy
	if service.Spec.ClusterIP == "" || service.Spec.ClusterIP == corev1.ClusterIPNone {
		labels[corev1.IsHeadlessService] = ""
	}
	return labels
}

// subsets groups pods by the ports that they resolve to, in a stable order.
func subsets(service *corev1.Service, pods []*corev1.Pod) []corev1.EndpointSubset {
	byPorts := map[string]*corev1.EndpointSubset{}
	for _, pod := range pods {
		if !endpointsliceutil.ShouldPodBeInEndpoints(pod, service.Spec.PublishNotReadyAddresses) {
			continue
		}
		address, ok := addressOf(service, pod)
		if !ok {
			continue
		}
		ports := portsOf(service, pod)
		if len(ports) == 0 && len(service.Spec.Ports) > 0 {
			continue // the pod has none of the named ports
		}
		key := portsKey(ports)
		subset := byPorts[key]
		if subset == nil {
			subset = &corev1.EndpointSubset{Ports: ports}
			byPorts[key] = subset
		}
		if service.Spec.PublishNotReadyAddresses || endpointsliceutil.IsPodReady(pod) {
			subset.Addresses = append(subset.Addresses, address)
		} else {
			subset.NotReadyAddresses = append(subset.NotReadyAddresses, address)
		}
	}
	var result []corev1.EndpointSubset
	for _, key := range slices.Sorted(maps.Keys(byPorts)) {
		subset := byPorts[key]
		slices.SortFunc(subset.Addresses, compareAddresses)
		slices.SortFunc(subset.NotReadyAddresses, compareAddresses)
		result = append(result, *subset)
	}
	return result
}

func compareAddresses(a, b corev1.EndpointAddress) int {
	return cmp.Or(cmp.Compare(a.IP, b.IP), cmp.Compare(a.TargetRef.UID, b.TargetRef.UID))
}

// addressOf returns the address of pod in the first family of the Service.
func addressOf(service *corev1.Service, pod *corev1.Pod) (corev1.EndpointAddress, bool) {
	ip := pod.Status.PodIP
	if len(service.Spec.IPFamilies) > 0 {
		wantV6 := service.Spec.IPFamilies[0] == corev1.IPv6Protocol
		ip = ""
		for _, candidate := range append([]corev1.PodIP{{IP: pod.Status.PodIP}}, pod.Status.PodIPs...) {
			if parsed, err := netip.ParseAddr(candidate.IP); err == nil && parsed.Is6() == wantV6 {
				ip = candidate.IP
				break
			}
		}
	}
	if ip == "" {
		return corev1.EndpointAddress{}, false
	}
	address := corev1.EndpointAddress{
		IP:       ip,
		NodeName: ptr.To(pod.Spec.NodeName),
		TargetRef: &corev1.ObjectReference{
			Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID,
		},
	}
	if endpointsliceutil.ShouldSetHostname(pod, service) {
		address.Hostname = pod.Spec.Hostname
	}
	return address, true
}

// portsOf resolves the ports of the Service on pod, in canonical order; those the pod lacks are left out.
func portsOf(service *corev1.Service, pod *corev1.Pod) []corev1.EndpointPort {
	var ports []corev1.EndpointPort
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		number, err := endpointslicelib.FindPort(pod, port)
		if err != nil {
			continue
		}
		ports = append(ports, corev1.EndpointPort{
			Name: port.Name, Port: int32(number), Protocol: port.Protocol, AppProtocol: port.AppProtocol,
		})
	}
	slices.SortFunc(ports, func(a, b corev1.EndpointPort) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol))
	})
	return ports
}

func portsKey(ports []corev1.EndpointPort) string {
	var key strings.Builder
	for _, port := range ports {
		fmt.Fprintf(&key, "%s/%05d/%s;", port.Name, port.Port, port.Protocol)
	}
	return key.String()
}

// truncate keeps at most maxAddresses, ready ones first, shared among subsets in their order.
func truncate(all []corev1.EndpointSubset) ([]corev1.EndpointSubset, bool) {
	total := 0
	for _, subset := range all {
		total += len(subset.Addresses) + len(subset.NotReadyAddresses)
	}
	if total <= maxAddresses {
		return all, false
	}
	left := maxAddresses
	for i := range all {
		keep := min(left, len(all[i].Addresses))
		all[i].Addresses = all[i].Addresses[:keep]
		left -= keep
	}
	for i := range all {
		keep := min(left, len(all[i].NotReadyAddresses))
		all[i].NotReadyAddresses = all[i].NotReadyAddresses[:keep]
		left -= keep
	}
	return slices.DeleteFunc(all, func(s corev1.EndpointSubset) bool { return len(s.Addresses)+len(s.NotReadyAddresses) == 0 }), true
}
