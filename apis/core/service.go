// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/kind"
)

// Services give a set of pods one address. The API server allocates cluster IPs and node ports before validation.
var Services = kind.Of[*corev1.Service, *corev1.ServiceList]{
	GroupVersion:    corev1.SchemeGroupVersion,
	Names:           kind.Names{Plural: "services", Short: []string{"svc"}, Categories: []string{"all"}},
	StorageResource: "services/specs",
	Default:         defaultService,
	ValidateName:    apivalidation.NameIsDNSLabel,
	Validate:        validateService,
	ValidateStatus:  validateServiceStatus,
	Warnings:        serviceWarnings,
	Owns:            kind.StatusApart,
	OnCreate:        func(_ context.Context, s *corev1.Service) { NormalizeClusterIPs(s, nil) },
	OnUpdate: func(_ context.Context, s, old *corev1.Service) {
		PatchAllocated(s, old)
		NormalizeClusterIPs(s, old)
		trimReleasedFamily(s, old)
		dropOfOldType(s, old)
	},
	CreateOnUpdate: true,
	ReturnDeleted:  true,
	Columns: []kind.Column[*corev1.Service]{
		{Name: "Type", Value: func(s *corev1.Service, _ time.Time) any { return string(s.Spec.Type) }},
		{Name: "Cluster-IP", Value: func(s *corev1.Service, _ time.Time) any { return clusterIP(s) }},
		{Name: "External-IP", Value: func(s *corev1.Service, _ time.Time) any { return externalIP(s) }},
		{Name: "Port(s)", Value: func(s *corev1.Service, _ time.Time) any { return servicePorts(s) }},
		kind.Age[*corev1.Service](),
		{Name: "Selector", Priority: 1, Value: func(s *corev1.Service, _ time.Time) any {
			return labels.FormatLabels(s.Spec.Selector)
		}},
	},
	Fields: map[string]func(*corev1.Service) string{
		"spec.clusterIP": func(s *corev1.Service) string { return s.Spec.ClusterIP },
		"spec.type":      func(s *corev1.Service) string { return string(s.Spec.Type) },
	},
}

func defaultService(s *corev1.Service) {
	spec := &s.Spec
	if spec.SessionAffinity == "" {
		spec.SessionAffinity = corev1.ServiceAffinityNone
	}
	switch spec.SessionAffinity {
	case corev1.ServiceAffinityNone:
		spec.SessionAffinityConfig = nil
	case corev1.ServiceAffinityClientIP:
		config := spec.SessionAffinityConfig
		if config == nil || config.ClientIP == nil || config.ClientIP.TimeoutSeconds == nil {
			spec.SessionAffinityConfig = &corev1.SessionAffinityConfig{
				ClientIP: &corev1.ClientIPConfig{TimeoutSeconds: ptr.To(corev1.DefaultClientIPServiceAffinitySeconds)},
			}
		}
	}
	if spec.Type == "" {
		spec.Type = corev1.ServiceTypeClusterIP
	}
	for i := range spec.Ports {
		port := &spec.Ports[i]
		if port.Protocol == "" {
			port.Protocol = corev1.ProtocolTCP
		}
		if port.TargetPort == intstr.FromInt32(0) || port.TargetPort == intstr.FromString("") {
			port.TargetPort = intstr.FromInt32(port.Port)
		}
	}
	if externallyAccessible(s) && spec.ExternalTrafficPolicy == "" {
		spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster
	}
	if spec.InternalTrafficPolicy == nil && spec.Type != corev1.ServiceTypeExternalName {
		spec.InternalTrafficPolicy = ptr.To(corev1.ServiceInternalTrafficPolicyCluster)
	}
	if spec.Type != corev1.ServiceTypeLoadBalancer {
		return
	}
	if spec.AllocateLoadBalancerNodePorts == nil {
		spec.AllocateLoadBalancerNodePorts = ptr.To(true)
	}
	for i := range s.Status.LoadBalancer.Ingress {
		if ingress := &s.Status.LoadBalancer.Ingress[i]; ingress.IP != "" && ingress.IPMode == nil {
			ingress.IPMode = ptr.To(corev1.LoadBalancerIPModeVIP)
		}
	}
}

// externallyAccessible reports whether traffic from outside the cluster can reach the service.
func externallyAccessible(s *corev1.Service) bool {
	switch s.Spec.Type {
	case corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort:
		return true
	case corev1.ServiceTypeClusterIP:
		return len(s.Spec.ExternalIPs) > 0
	}
	return false
}

func clusterIP(s *corev1.Service) string {
	if len(s.Spec.ClusterIPs) > 0 {
		return s.Spec.ClusterIPs[0]
	}
	return orNone(s.Spec.ClusterIP)
}

func externalIP(s *corev1.Service) string {
	switch s.Spec.Type {
	case corev1.ServiceTypeExternalName:
		return s.Spec.ExternalName
	case corev1.ServiceTypeLoadBalancer:
		var all []string
		for _, ingress := range s.Status.LoadBalancer.Ingress {
			if ingress.IP != "" {
				all = append(all, ingress.IP)
			} else if ingress.Hostname != "" {
				all = append(all, ingress.Hostname)
			}
		}
		if all = append(all, s.Spec.ExternalIPs...); len(all) == 0 {
			return "<pending>"
		}
		return strings.Join(all, ",")
	}
	return orNone(strings.Join(s.Spec.ExternalIPs, ","))
}

func servicePorts(s *corev1.Service) string {
	return orNone(joined(s.Spec.Ports, func(p corev1.ServicePort) string {
		if p.NodePort > 0 {
			return fmt.Sprintf("%d:%d/%s", p.Port, p.NodePort, p.Protocol)
		}
		return fmt.Sprintf("%d/%s", p.Port, p.Protocol)
	}))
}
