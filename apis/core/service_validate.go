// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// agentPort is the node agent's: behind a load balancer, a service on it would open every node's agent to the world.
const agentPort = 10250

// validateService expects addresses and node ports to have been allocated.
func validateService(s, old *corev1.Service) field.ErrorList {
	path, spec := field.NewPath("spec"), &s.Spec
	headless := isHeadless(s)
	var errs field.ErrorList
	if len(spec.Ports) == 0 && !headless && !isExternalName(s) {
		errs = append(errs, field.Required(path.Child("ports"), ""))
	}
	errs = append(errs, validateServiceType(s, path)...)
	errs = append(errs, validateServicePorts(s, path.Child("ports"))...)
	if spec.Selector != nil {
		errs = append(errs, metavalidation.ValidateLabels(spec.Selector, path.Child("selector"))...)
	}
	errs = append(errs, validateAffinity(spec, path)...)
	errs = append(errs, validateClusterIPs(s, path)...)
	for i, ip := range spec.ExternalIPs {
		at := path.Child("externalIPs").Index(i)
		if bad := validation.IsValidIPForLegacyField(at, ip, false, nil); len(bad) > 0 {
			errs = append(errs, bad...)
		} else {
			errs = append(errs, validateNonSpecialIP(ip, at)...)
		}
	}
	errs = append(errs, validateLoadBalancer(s, path)...)
	errs = append(errs, validateTraffic(s, path)...)
	if old != nil {
		errs = append(errs, validateServiceUpdate(s, old, path)...)
	}
	return errs
}

func isHeadless(s *corev1.Service) bool {
	return slices.Equal(s.Spec.ClusterIPs, []string{corev1.ClusterIPNone})
}

func validateServiceType(s *corev1.Service, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	none := func() {
		if isHeadless(s) {
			errs = append(errs, field.Invalid(path.Child("clusterIPs").Index(0), s.Spec.ClusterIPs[0],
				fmt.Sprintf("may not be set to 'None' for %s services", s.Spec.Type)))
		}
	}
	switch s.Spec.Type {
	case corev1.ServiceTypeClusterIP:
		for i, port := range s.Spec.Ports {
			if port.NodePort != 0 {
				errs = append(errs, field.Forbidden(path.Child("ports").Index(i).Child("nodePort"), "may not be used when `type` is 'ClusterIP'"))
			}
		}
	case corev1.ServiceTypeNodePort:
		none()
	case corev1.ServiceTypeLoadBalancer:
		for i, port := range s.Spec.Ports {
			if port.Port == agentPort {
				errs = append(errs, field.Invalid(path.Child("ports").Index(i), port.Port,
					fmt.Sprintf("may not expose port %v externally since it is used by kubelet", agentPort)))
			}
		}
		none()
	case corev1.ServiceTypeExternalName:
		forbid := func(set bool, name string) {
			if set {
				errs = append(errs, field.Forbidden(path.Child(name), "may not be set for ExternalName services"))
			}
		}
		forbid(len(s.Spec.ClusterIPs) > 0 || s.Spec.ClusterIP != "", "clusterIPs")
		forbid(len(s.Spec.IPFamilies) > 0, "ipFamilies")
		forbid(s.Spec.IPFamilyPolicy != nil, "ipFamilyPolicy")
		if name := strings.TrimSuffix(s.Spec.ExternalName, "."); name == "" {
			errs = append(errs, field.Required(path.Child("externalName"), ""))
		} else {
			errs = append(errs, invalidName(path.Child("externalName"), name, validation.IsDNS1123Subdomain(name))...)
		}
	case "":
		errs = append(errs, field.Required(path.Child("type"), ""))
	default:
		errs = append(errs, field.NotSupported(path.Child("type"), s.Spec.Type, []corev1.ServiceType{corev1.ServiceTypeClusterIP,
			corev1.ServiceTypeExternalName, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeNodePort}))
	}
	return errs
}

type portKey struct {
	protocol corev1.Protocol
	port     int32
}

func validateServicePorts(s *corev1.Service, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names, ports, nodePorts := sets.New[string](), sets.New[portKey](), sets.New[portKey]()
	for i := range s.Spec.Ports {
		p, at := &s.Spec.Ports[i], path.Index(i)
		errs = append(errs, validateServicePort(p, at)...)
		switch {
		case p.Name == "" && len(s.Spec.Ports) > 1:
			errs = append(errs, field.Required(at.Child("name"), ""))
		case p.Name != "":
			errs = append(errs, invalidName(at.Child("name"), p.Name, validation.IsDNS1123Label(p.Name))...)
			if names.Has(p.Name) {
				errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
			}
			names.Insert(p.Name)
		}
		if key := (portKey{p.Protocol, p.Port}); ports.Has(key) {
			errs = append(errs, field.Duplicate(at, corev1.ServicePort{Protocol: p.Protocol, Port: p.Port}))
		} else {
			ports.Insert(key)
		}
		if p.NodePort == 0 {
			continue
		}
		if key := (portKey{p.Protocol, p.NodePort}); nodePorts.Has(key) {
			errs = append(errs, field.Duplicate(at.Child("nodePort"), p.NodePort))
		} else {
			nodePorts.Insert(key)
		}
	}
	return errs
}

func validateServicePort(p *corev1.ServicePort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, message := range validation.IsValidPortNum(int(p.Port)) {
		errs = append(errs, field.Invalid(path.Child("port"), p.Port, message))
	}
	errs = append(errs, validateProtocol(p.Protocol, path.Child("protocol"))...)
	if p.TargetPort.Type == intstr.String {
		errs = append(errs, invalidName(path.Child("targetPort"), p.TargetPort.StrVal, validation.IsValidPortName(p.TargetPort.StrVal))...)
	} else {
		for _, message := range validation.IsValidPortNum(p.TargetPort.IntValue()) {
			errs = append(errs, field.Invalid(path.Child("targetPort"), p.TargetPort.IntVal, message))
		}
	}
	if p.AppProtocol != nil {
		errs = append(errs, invalidName(path.Child("appProtocol"), *p.AppProtocol, validation.IsQualifiedName(*p.AppProtocol))...)
	}
	return errs
}

const maxAffinitySeconds = 24 * 60 * 60

func validateAffinity(spec *corev1.ServiceSpec, path *field.Path) field.ErrorList {
	at := path.Child("sessionAffinityConfig")
	switch spec.SessionAffinity {
	case corev1.ServiceAffinityNone:
		if spec.SessionAffinityConfig != nil {
			return field.ErrorList{field.Forbidden(at, fmt.Sprintf("must not be set when session affinity is %s", corev1.ServiceAffinityNone))}
		}
	case corev1.ServiceAffinityClientIP:
		config := spec.SessionAffinityConfig
		switch {
		case config == nil:
			return field.ErrorList{field.Required(at, fmt.Sprintf("when session affinity type is %s", corev1.ServiceAffinityClientIP))}
		case config.ClientIP == nil:
			return field.ErrorList{field.Required(at.Child("clientIP"), fmt.Sprintf("when session affinity type is %s", corev1.ServiceAffinityClientIP))}
		case config.ClientIP.TimeoutSeconds == nil:
			return field.ErrorList{field.Required(at.Child("clientIP", "timeoutSeconds"), fmt.Sprintf("when session affinity type is %s", corev1.ServiceAffinityClientIP))}
		}
		if seconds := *config.ClientIP.TimeoutSeconds; seconds <= 0 || seconds > maxAffinitySeconds {
			return field.ErrorList{field.Invalid(at.Child("clientIP", "timeoutSeconds"), seconds,
				fmt.Sprintf("must be greater than 0 and less than %d", maxAffinitySeconds))}
		}
	case "":
		return field.ErrorList{field.Required(path.Child("sessionAffinity"), "")}
	default:
		return field.ErrorList{field.NotSupported(path.Child("sessionAffinity"), spec.SessionAffinity,
			[]corev1.ServiceAffinity{corev1.ServiceAffinityClientIP, corev1.ServiceAffinityNone})}
	}
	return nil
}

func validateLoadBalancer(s *corev1.Service, path *field.Path) field.ErrorList {
	spec := &s.Spec
	const onlyForThem = "may only be used when `type` is 'LoadBalancer'"
	var errs field.ErrorList
	if !isLoadBalancer(s) {
		if len(spec.LoadBalancerSourceRanges) > 0 {
			errs = append(errs, field.Forbidden(path.Child("loadBalancerSourceRanges"), onlyForThem))
		}
		if spec.AllocateLoadBalancerNodePorts != nil {
			errs = append(errs, field.Forbidden(path.Child("allocateLoadBalancerNodePorts"), onlyForThem))
		}
		if spec.LoadBalancerClass != nil {
			errs = append(errs, field.Forbidden(path.Child("loadBalancerClass"), onlyForThem))
		}
		return errs
	}
	for i, cidr := range spec.LoadBalancerSourceRanges {
		errs = append(errs, validation.IsValidCIDRForLegacyField(path.Child("loadBalancerSourceRanges").Index(i), strings.TrimSpace(cidr), false, nil)...)
	}
	if spec.AllocateLoadBalancerNodePorts == nil {
		errs = append(errs, field.Required(path.Child("allocateLoadBalancerNodePorts"), ""))
	}
	if class := spec.LoadBalancerClass; class != nil {
		errs = append(errs, invalidName(path.Child("loadBalancerClass"), *class, validation.IsQualifiedName(*class))...)
	}
	return errs
}

// validateTraffic checks how traffic from outside and from inside finds an endpoint.
func validateTraffic(s *corev1.Service, path *field.Path) field.ErrorList {
	spec := &s.Spec
	var errs field.ErrorList
	external := path.Child("externalTrafficPolicy")
	switch policy := spec.ExternalTrafficPolicy; {
	case !externallyAccessible(s) && policy != "":
		errs = append(errs, field.Invalid(external, policy, "may only be set for externally-accessible services"))
	case externallyAccessible(s) && policy == "":
		errs = append(errs, field.Required(external, ""))
	case policy != "" && policy != corev1.ServiceExternalTrafficPolicyCluster && policy != corev1.ServiceExternalTrafficPolicyLocal:
		errs = append(errs, field.NotSupported(external, policy, []corev1.ServiceExternalTrafficPolicy{
			corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal}))
	}
	health := path.Child("healthCheckNodePort")
	switch port := spec.HealthCheckNodePort; {
	case !needsHealthCheckNodePort(s) && port != 0:
		errs = append(errs, field.Invalid(health, port, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"))
	case needsHealthCheckNodePort(s) && port == 0:
		errs = append(errs, field.Required(health, ""))
	case port != 0:
		for _, message := range validation.IsValidPortNum(int(port)) {
			errs = append(errs, field.Invalid(health, port, message))
		}
	}
	internal := path.Child("internalTrafficPolicy")
	switch policy := spec.InternalTrafficPolicy; {
	case policy == nil && !isExternalName(s):
		errs = append(errs, field.Required(internal, ""))
	case policy != nil && *policy != corev1.ServiceInternalTrafficPolicyCluster && *policy != corev1.ServiceInternalTrafficPolicyLocal:
		errs = append(errs, field.NotSupported(internal, *policy, []corev1.ServiceInternalTrafficPolicy{
			corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal}))
	}
	if how := spec.TrafficDistribution; how != nil {
		known := []string{corev1.ServiceTrafficDistributionPreferClose, corev1.ServiceTrafficDistributionPreferSameNode,
			corev1.ServiceTrafficDistributionPreferSameZone}
		if !slices.Contains(known, *how) {
			errs = append(errs, field.NotSupported(path.Child("trafficDistribution"), *how, known))
		}
	}
	return errs
}

func validateServiceUpdate(s, old *corev1.Service, path *field.Path) field.ErrorList {
	errs := validateKeptClusterIPs(s, old, path)
	if isLoadBalancer(s) && isLoadBalancer(old) {
		errs = append(errs, apivalidation.ValidateImmutableField(s.Spec.LoadBalancerClass, old.Spec.LoadBalancerClass, path.Child("loadBalancerClass"))...)
	}
	return errs
}
