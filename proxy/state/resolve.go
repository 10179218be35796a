// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"net/netip"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
)

// defaultAffinity is Kubernetes' default for a sessionAffinityConfig left out.
const defaultAffinity = 3 * time.Hour

// Served says whether a Service is any of our business: it has a cluster IP,
// and no other proxy was chosen for it by label.
func Served(service *corev1.Service) bool {
	if service.Spec.Type == corev1.ServiceTypeExternalName {
		return false
	}
	if _, foreign := service.Labels[labelServiceProxyName]; foreign {
		return false
	}
	_, ok := clusterIP(service)
	return ok
}

// labelServiceProxyName hands a Service or EndpointSlice to another proxy.
const labelServiceProxyName = "service.kubernetes.io/service-proxy-name"

// Resolve works out what this node does for a Service; nil when nothing.
func Resolve(service *corev1.Service, endpointSlices []*discoveryv1.EndpointSlice, node Node) *Service {
	if !Served(service) {
		return nil
	}
	address, _ := clusterIP(service)
	resolved := &Service{Key: KeyOf(service)}
	for i := range service.Spec.Ports {
		port := &service.Spec.Ports[i]
		protocol := protocolOf(port.Protocol)
		id := Frontend{Addr: address, Protocol: protocol, Port: uint16(port.Port)}
		resolved.Ports = append(resolved.Ports, Port{
			Name:     port.Name,
			ID:       id,
			Entries:  entries(service, id, uint16(port.NodePort), node),
			Pools:    pools(candidates(endpointSlices, port.Name, protocol, node)),
			Affinity: affinity(service),
		})
	}
	slices.SortFunc(resolved.Ports, func(a, b Port) int { return a.ID.Compare(b.ID) })
	separate(resolved)
	if externalLocal(service) && service.Spec.Type == corev1.ServiceTypeLoadBalancer {
		resolved.HealthCheckPort = uint16(service.Spec.HealthCheckNodePort)
	}
	return resolved
}

// separate leaves each frontend to one port of its object. Two ports can ask for the same: by an external IP that is the
// node's own and a port that is another one's node port, or as host ports of two containers.
func separate(service *Service) {
	if len(service.Ports) < 2 {
		return
	}
	taken := map[Frontend]bool{}
	for i := range service.Ports {
		for _, entry := range service.Ports[i].Entries {
			if entry.Kind == ClusterIP {
				taken[entry.Frontend] = true
			}
		}
	}
	for i := range service.Ports {
		port := &service.Ports[i]
		port.Entries = slices.DeleteFunc(port.Entries, func(entry Entry) bool {
			if entry.Kind == ClusterIP {
				return false
			}
			lost := taken[entry.Frontend]
			taken[entry.Frontend] = true
			return lost
		})
	}
}

// KeyOf is the key of a Service in the model.
func KeyOf(service *corev1.Service) Key {
	return Key{Source: FromService, NamespacedName: types.NamespacedName{Namespace: service.Namespace, Name: service.Name}}
}

// entries lists the frontends of one port.
func entries(service *corev1.Service, id Frontend, nodePort uint16, node Node) []Entry {
	internal, external := Cluster, Cluster
	if policy := service.Spec.InternalTrafficPolicy; policy != nil && *policy == corev1.ServiceInternalTrafficPolicyLocal {
		internal = Local
	}
	if externalLocal(service) {
		external = Local
	}
	sources := sourceRanges(service)
	list := []Entry{{Frontend: id, Kind: ClusterIP, Scope: internal}}
	if nodePort != 0 {
		for _, addr := range node.NodePortAddresses {
			list = append(list, Entry{
				Frontend: Frontend{Addr: addr, Protocol: id.Protocol, Port: nodePort}, Kind: NodePort, Scope: external,
			})
		}
	}
	for _, text := range service.Spec.ExternalIPs {
		if addr, ok := parse4(text); ok {
			list = append(list, Entry{
				Frontend: Frontend{Addr: addr, Protocol: id.Protocol, Port: id.Port}, Kind: ExternalIP, Scope: external,
			})
		}
	}
	for i := range service.Status.LoadBalancer.Ingress {
		ingress := &service.Status.LoadBalancer.Ingress[i]
		if ingress.IPMode != nil && *ingress.IPMode == corev1.LoadBalancerIPModeProxy {
			continue // such a load balancer wants its traffic even from inside of the cluster
		}
		if addr, ok := parse4(ingress.IP); ok {
			list = append(list, Entry{
				Frontend: Frontend{Addr: addr, Protocol: id.Protocol, Port: id.Port}, Kind: LoadBalancer, Scope: external, Sources: sources,
			})
		}
	}
	slices.SortStableFunc(list, func(a, b Entry) int { return a.Frontend.Compare(b.Frontend) })
	return slices.CompactFunc(list, func(a, b Entry) bool { return a.Frontend == b.Frontend })
}

func externalLocal(service *corev1.Service) bool {
	return service.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

func affinity(service *corev1.Service) time.Duration {
	if service.Spec.SessionAffinity != corev1.ServiceAffinityClientIP {
		return 0
	}
	if config := service.Spec.SessionAffinityConfig; config != nil && config.ClientIP != nil && config.ClientIP.TimeoutSeconds != nil {
		return time.Duration(*config.ClientIP.TimeoutSeconds) * time.Second
	}
	return defaultAffinity
}

func sourceRanges(service *corev1.Service) []netip.Prefix {
	var prefixes []netip.Prefix
	for _, text := range service.Spec.LoadBalancerSourceRanges {
		if prefix, err := netip.ParsePrefix(text); err == nil && prefix.Addr().Is4() {
			prefixes = append(prefixes, prefix.Masked())
		}
	}
	// Wider ranges come first among those that begin alike, so what lies in another one follows it. The kernel takes no
	// ranges that overlap, and would refuse the rules of all services together with them.
	slices.SortFunc(prefixes, netip.Prefix.Compare)
	apart := prefixes[:0]
	for _, prefix := range prefixes {
		if last := len(apart) - 1; last < 0 || !apart[last].Overlaps(prefix) {
			apart = append(apart, prefix)
		}
	}
	return apart
}

func clusterIP(service *corev1.Service) (netip.Addr, bool) {
	for _, text := range append([]string{service.Spec.ClusterIP}, service.Spec.ClusterIPs...) {
		if addr, ok := parse4(text); ok {
			return addr, true
		}
	}
	return netip.Addr{}, false
}

func parse4(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(text)
	return addr, err == nil && addr.Is4()
}

func protocolOf(protocol corev1.Protocol) Protocol {
	switch protocol {
	case corev1.ProtocolUDP:
		return UDP
	case corev1.ProtocolSCTP:
		return SCTP
	}
	return TCP
}
