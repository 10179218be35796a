// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"net"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	netutils "k8s.io/utils/net"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta"
)

const (
	maxTopologyLabels = 16
	maxAddresses      = 100
	maxPorts          = 20000
	maxEndpoints      = 1000
	maxHints          = 8
)

func validateEndpointSlice(slice, old *discoveryv1.EndpointSlice) field.ErrorList {
	path := field.NewPath("addressType")
	errs := validateAddressType(slice.AddressType, path)
	// Addresses such as 010.0.0.1 were taken once: what is stored stays right, or the slice could not be updated.
	var stored []string
	if old != nil {
		stored = addressesOf(old)
	}
	errs = append(errs, validateEndpoints(slice, stored, field.NewPath("endpoints"))...)
	errs = append(errs, validatePorts(slice.Ports, field.NewPath("ports"))...)
	if old != nil {
		errs = append(errs, meta.ValidateImmutable(slice.AddressType, old.AddressType, path)...)
	}
	return errs
}

func validateAddressType(addressType discoveryv1.AddressType, path *field.Path) field.ErrorList {
	switch addressType {
	case discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6:
		return nil
	case "":
		return field.ErrorList{field.Required(path, "")}
	default:
		return field.ErrorList{field.NotSupported(path, addressType, []discoveryv1.AddressType{
			discoveryv1.AddressTypeFQDN, discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6})}
	}
}

func validateEndpoints(slice *discoveryv1.EndpointSlice, stored []string, path *field.Path) field.ErrorList {
	if n := len(slice.Endpoints); n > maxEndpoints {
		return field.ErrorList{field.TooMany(path, n, maxEndpoints)}
	}
	var errs field.ErrorList
	for i := range slice.Endpoints {
		errs = append(errs, validateEndpoint(&slice.Endpoints[i], slice.AddressType, stored, path.Index(i))...)
	}
	return errs
}

func validateEndpoint(endpoint *discoveryv1.Endpoint, addressType discoveryv1.AddressType, stored []string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	at := path.Child("addresses")
	if n := len(endpoint.Addresses); n == 0 {
		errs = append(errs, field.Required(at, ""))
	} else if n > maxAddresses {
		errs = append(errs, field.TooMany(at, n, maxAddresses))
	}
	for i, address := range endpoint.Addresses {
		errs = append(errs, validateAddress(address, addressType, stored, at.Index(i))...)
	}
	if node := endpoint.NodeName; node != nil {
		errs = append(errs, meta.Invalid(path.Child("nodeName"), *node, apivalidation.NameIsDNSSubdomain(*node, false))...)
	}
	at = path.Child("deprecatedTopology")
	if n := len(endpoint.DeprecatedTopology); n > maxTopologyLabels {
		errs = append(errs, field.TooMany(at, n, maxTopologyLabels))
	}
	errs = append(errs, metav1validation.ValidateLabels(endpoint.DeprecatedTopology, at)...)
	if node, ok := endpoint.DeprecatedTopology[corev1.LabelHostname]; ok && endpoint.NodeName != nil {
		errs = append(errs, field.Invalid(at.Key(corev1.LabelHostname), node, "may not be set when nodeName is specified"))
	}
	if host := endpoint.Hostname; host != nil {
		errs = append(errs, meta.Invalid(path.Child("hostname"), *host, validation.IsDNS1123Label(*host))...)
	}
	if hints := endpoint.Hints; hints != nil {
		errs = append(errs, validateHints(hints, path.Child("hints"))...)
	}
	return errs
}

func validateAddress(address string, addressType discoveryv1.AddressType, stored []string, path *field.Path) field.ErrorList {
	switch addressType {
	case discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6:
		if errs := validation.IsValidIPForLegacyField(path, address, true, stored); len(errs) > 0 {
			return errs
		}
		ip := netutils.ParseIPSloppy(address)
		if ip == nil {
			return nil // stored as it is
		}
		if addressType == discoveryv1.AddressTypeIPv4 && ip.To4() == nil {
			return field.ErrorList{field.Invalid(path, address, "must be an IPv4 address")}
		}
		if addressType == discoveryv1.AddressTypeIPv6 && ip.To4() != nil {
			return field.ErrorList{field.Invalid(path, address, "must be an IPv6 address")}
		}
		return validateRoutable(ip, address, path)
	case discoveryv1.AddressTypeFQDN:
		return validation.IsFullyQualifiedDomainName(path, address)
	default:
		return nil
	}
}

// validateRoutable keeps out addresses that mean another thing on every node: a Service must not reach into a node.
func validateRoutable(ip net.IP, address string, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	for _, rule := range []struct {
		broken  bool
		message string
	}{
		{ip.IsUnspecified(), "may not be unspecified (0.0.0.0 or ::)"},
		{ip.IsLoopback(), "may not be in the loopback range (127.0.0.0/8, ::1/128)"},
		{ip.IsLinkLocalUnicast(), "may not be in the link-local range (169.254.0.0/16, fe80::/10)"},
		{ip.IsLinkLocalMulticast(), "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"},
	} {
		if rule.broken {
			errs = append(errs, field.Invalid(path, address, rule.message))
		}
	}
	return errs
}

func validateHints(hints *discoveryv1.EndpointHints, path *field.Path) field.ErrorList {
	zones := make([]string, 0, len(hints.ForZones))
	for _, zone := range hints.ForZones {
		zones = append(zones, zone.Name)
	}
	nodes := make([]string, 0, len(hints.ForNodes))
	for _, node := range hints.ForNodes {
		nodes = append(nodes, node.Name)
	}
	errs := validateHintNames(zones, validation.IsValidLabelValue, path.Child("forZones"))
	return append(errs, validateHintNames(nodes, func(name string) []string {
		return apivalidation.NameIsDNSSubdomain(name, false)
	}, path.Child("forNodes"))...)
}

func validateHintNames(names []string, check func(string) []string, path *field.Path) field.ErrorList {
	if n := len(names); n > maxHints {
		return field.ErrorList{field.TooMany(path, n, maxHints)}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, name := range names {
		at := path.Index(i).Child("name")
		if seen.Has(name) {
			errs = append(errs, field.Duplicate(at, name))
		}
		seen.Insert(name)
		errs = append(errs, meta.Invalid(at, name, check(name))...)
	}
	return errs
}

func validatePorts(ports []discoveryv1.EndpointPort, path *field.Path) field.ErrorList {
	if n := len(ports); n > maxPorts {
		return field.ErrorList{field.TooMany(path, n, maxPorts)}
	}
	var errs field.ErrorList
	seen := sets.New[string]()
	for i, port := range ports {
		at := path.Index(i)
		name := ptr.Deref(port.Name, "")
		if name != "" {
			errs = append(errs, meta.Invalid(at.Child("name"), name, validation.IsDNS1123Label(name))...)
		}
		if seen.Has(name) {
			errs = append(errs, field.Duplicate(at.Child("name"), name))
		}
		seen.Insert(name)
		if port.Protocol == nil {
			errs = append(errs, field.Required(at.Child("protocol"), ""))
		} else {
			errs = append(errs, validateProtocol(*port.Protocol, at.Child("protocol"))...)
		}
		if port.Port != nil {
			errs = append(errs, meta.Invalid(at.Child("port"), *port.Port, validation.IsValidPortNum(int(*port.Port)))...)
		}
		if port.AppProtocol != nil {
			errs = append(errs, meta.Invalid(at.Child("appProtocol"), *port.AppProtocol, validation.IsQualifiedName(*port.AppProtocol))...)
		}
	}
	return errs
}

func validateProtocol(protocol corev1.Protocol, path *field.Path) field.ErrorList {
	switch protocol {
	case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
		return nil
	default:
		return field.ErrorList{field.NotSupported(path, protocol, []corev1.Protocol{corev1.ProtocolSCTP, corev1.ProtocolTCP, corev1.ProtocolUDP})}
	}
}
