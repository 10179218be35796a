// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
)

// PatchAllocated copies what was allocated for the old service into the new one where it is left out, so that clients
// can update a service without reading it first.
func PatchAllocated(s, old *corev1.Service) {
	if needsClusterIP(old) && needsClusterIP(s) && s.Spec.ClusterIP == "" {
		s.Spec.ClusterIP = old.Spec.ClusterIP
		if len(s.Spec.ClusterIPs) == 0 && sameFamilies(s, old) {
			s.Spec.ClusterIPs = slices.Clone(old.Spec.ClusterIPs)
		}
	}
	if needsNodePort(old) && needsNodePort(s) {
		keepNodePorts(s, old)
	}
	if needsHealthCheckNodePort(old) && needsHealthCheckNodePort(s) && s.Spec.HealthCheckNodePort == 0 {
		s.Spec.HealthCheckNodePort = old.Spec.HealthCheckNodePort
	}
}

// sameFamilies reports whether s does not ask for another set of IP families than old has.
func sameFamilies(s, old *corev1.Service) bool {
	return s.Spec.IPFamilyPolicy == nil || old.Spec.IPFamilyPolicy == nil || *s.Spec.IPFamilyPolicy == *old.Spec.IPFamilyPolicy
}

// keepNodePorts gives every port without a node port that of the old port of the same number and protocol, unless
// another port names it now.
func keepNodePorts(s, old *corev1.Service) {
	type key struct {
		port     int32
		protocol corev1.Protocol
	}
	type nodePort = key
	allocated := make(map[key]int32, len(old.Spec.Ports))
	for _, port := range old.Spec.Ports {
		allocated[key{port.Port, port.Protocol}] = port.NodePort
	}
	used := map[nodePort]bool{}
	for _, port := range s.Spec.Ports {
		if port.NodePort != 0 {
			used[nodePort{port.NodePort, port.Protocol}] = true
		}
	}
	for i := range s.Spec.Ports {
		port := &s.Spec.Ports[i]
		wanted := allocated[key{port.Port, port.Protocol}]
		if port.NodePort == 0 && wanted != 0 && !used[nodePort{wanted, port.Protocol}] {
			port.NodePort = wanted
			used[nodePort{wanted, port.Protocol}] = true
		}
	}
}

// NormalizeClusterIPs keeps clusterIP and clusterIPs in step. Clients that do not know clusterIPs change clusterIP
// alone, and then mean both; old is nil on create.
func NormalizeClusterIPs(s, old *corev1.Service) {
	if old == nil {
		if s.Spec.ClusterIP != "" && len(s.Spec.ClusterIPs) == 0 {
			s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
		}
		return // clusterIPs without clusterIP is refused by validation
	}
	sameList := apiequality.Semantic.DeepEqual(s.Spec.ClusterIPs, old.Spec.ClusterIPs)
	switch {
	case s.Spec.ClusterIP == "" && old.Spec.ClusterIP != "": // cleared
		if sameList {
			s.Spec.ClusterIPs = nil
		}
	case s.Spec.ClusterIP != old.Spec.ClusterIP: // set or changed
		if sameList {
			s.Spec.ClusterIPs = []string{s.Spec.ClusterIP}
		}
	}
}

// trimReleasedFamily takes the second address and family from a service that asks for only one from now on.
func trimReleasedFamily(s, old *corev1.Service) {
	if s.Spec.IPFamilyPolicy == nil || *s.Spec.IPFamilyPolicy != corev1.IPFamilyPolicySingleStack || !needsClusterIP(s) || !needsClusterIP(old) {
		return
	}
	if len(s.Spec.ClusterIPs) == 2 && slices.Equal(s.Spec.ClusterIPs, old.Spec.ClusterIPs) {
		s.Spec.ClusterIPs = s.Spec.ClusterIPs[:1]
	}
	if len(s.Spec.IPFamilies) == 2 && slices.Equal(s.Spec.IPFamilies, old.Spec.IPFamilies) {
		s.Spec.IPFamilies = s.Spec.IPFamilies[:1]
	}
}

// dropOfOldType removes what only the old type of the service had, where the update left it as it was. Values that the
// update changed stay, for validation to judge.
func dropOfOldType(s, old *corev1.Service) {
	if s.Spec.Type == old.Spec.Type && !needsHealthCheckNodePort(old) {
		return
	}
	if needsClusterIP(old) && !needsClusterIP(s) && sameClusterIPs(s, old) {
		s.Spec.ClusterIP, s.Spec.ClusterIPs = "", nil
		s.Spec.IPFamilies, s.Spec.IPFamilyPolicy = nil, nil
	}
	if needsNodePort(old) && !needsNodePort(s) && sameNodePorts(s, old) {
		for i := range s.Spec.Ports {
			s.Spec.Ports[i].NodePort = 0
		}
	}
	if needsHealthCheckNodePort(old) && !needsHealthCheckNodePort(s) && s.Spec.HealthCheckNodePort == old.Spec.HealthCheckNodePort {
		s.Spec.HealthCheckNodePort = 0
	}
	if wasBalanced, balanced := isLoadBalancer(old), isLoadBalancer(s); wasBalanced && !balanced {
		if apiequality.Semantic.DeepEqual(s.Spec.AllocateLoadBalancerNodePorts, old.Spec.AllocateLoadBalancerNodePorts) {
			s.Spec.AllocateLoadBalancerNodePorts = nil
		}
		if apiequality.Semantic.DeepEqual(s.Spec.LoadBalancerClass, old.Spec.LoadBalancerClass) {
			s.Spec.LoadBalancerClass = nil
		}
	}
	if externallyAccessible(old) && !externallyAccessible(s) && s.Spec.ExternalTrafficPolicy == old.Spec.ExternalTrafficPolicy {
		s.Spec.ExternalTrafficPolicy = ""
	}
	if isExternalName(s) && !isExternalName(old) && apiequality.Semantic.DeepEqual(s.Spec.InternalTrafficPolicy, old.Spec.InternalTrafficPolicy) {
		s.Spec.InternalTrafficPolicy = nil
	}
}

func isExternalName(s *corev1.Service) bool { return s.Spec.Type == corev1.ServiceTypeExternalName }

func isLoadBalancer(s *corev1.Service) bool { return s.Spec.Type == corev1.ServiceTypeLoadBalancer }

func needsClusterIP(s *corev1.Service) bool { return !isExternalName(s) }

func needsNodePort(s *corev1.Service) bool {
	return s.Spec.Type == corev1.ServiceTypeNodePort || isLoadBalancer(s) &&
		(s.Spec.AllocateLoadBalancerNodePorts == nil || *s.Spec.AllocateLoadBalancerNodePorts)
}

func needsHealthCheckNodePort(s *corev1.Service) bool {
	return isLoadBalancer(s) && s.Spec.ExternalTrafficPolicy == corev1.ServiceExternalTrafficPolicyLocal
}

func sameClusterIPs(s, old *corev1.Service) bool {
	return s.Spec.ClusterIP == old.Spec.ClusterIP && apiequality.Semantic.DeepEqual(s.Spec.ClusterIPs, old.Spec.ClusterIPs)
}

func sameNodePorts(s, old *corev1.Service) bool {
	before := map[int32]bool{}
	for _, port := range old.Spec.Ports {
		before[port.NodePort] = true
	}
	for _, port := range s.Spec.Ports {
		if port.NodePort != 0 && !before[port.NodePort] {
			return false
		}
	}
	return true
}
