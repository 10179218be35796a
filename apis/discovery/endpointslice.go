// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"context"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta"
	"coxswain.dev/coxswain/apis/kind"
)

// EndpointSlices are parts of the list of addresses behind a Service.
var EndpointSlices = kind.Of[*discoveryv1.EndpointSlice, *discoveryv1.EndpointSliceList]{
	GroupVersion: discoveryv1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "endpointslices"},
	Default:      defaultEndpointSlice,
	Validate:     validateEndpointSlice,
	Warnings:     endpointSliceWarnings,
	Owns:         kind.Generation,
	// There is no spec: whatever is not metadata counts, and the labels, which say whose slice it is.
	Meaning: func(slice, old *discoveryv1.EndpointSlice) bool {
		return slice.AddressType != old.AddressType ||
			!equality.Semantic.DeepEqual(slice.Endpoints, old.Endpoints) ||
			!equality.Semantic.DeepEqual(slice.Ports, old.Ports) ||
			!equality.Semantic.DeepEqual(slice.Labels, old.Labels)
	},
	OnCreate: func(_ context.Context, slice *discoveryv1.EndpointSlice) { dropTopology(slice, nil) },
	OnUpdate: func(_ context.Context, slice, old *discoveryv1.EndpointSlice) { dropTopology(slice, old) },
	Columns: []kind.Column[*discoveryv1.EndpointSlice]{
		{Name: "AddressType", Description: endpointSliceDoc["addressType"], Value: func(slice *discoveryv1.EndpointSlice, _ time.Time) any {
			return string(slice.AddressType)
		}},
		{Name: "Ports", Description: endpointSliceDoc["ports"], Value: func(slice *discoveryv1.EndpointSlice, _ time.Time) any {
			return fewOrUnset(portsOf(slice))
		}},
		{Name: "Endpoints", Description: endpointSliceDoc["endpoints"], Value: func(slice *discoveryv1.EndpointSlice, _ time.Time) any {
			return fewOrUnset(addressesOf(slice))
		}},
		kind.Age[*discoveryv1.EndpointSlice](),
	},
}

var endpointSliceDoc = discoveryv1.EndpointSlice{}.SwaggerDoc()

func defaultEndpointSlice(slice *discoveryv1.EndpointSlice) {
	for i := range slice.Ports {
		port := &slice.Ports[i]
		if port.Name == nil {
			port.Name = ptr.To("")
		}
		if port.Protocol == nil {
			port.Protocol = ptr.To(corev1.ProtocolTCP)
		}
	}
}

// dropTopology takes away the topology labels of the version before v1, unless the endpoints stay as they are stored.
func dropTopology(slice, old *discoveryv1.EndpointSlice) {
	if old != nil && equality.Semantic.DeepEqual(slice.Endpoints, old.Endpoints) {
		return
	}
	for i := range slice.Endpoints {
		slice.Endpoints[i].DeprecatedTopology = nil
	}
}

func endpointSliceWarnings(slice, _ *discoveryv1.EndpointSlice) []string {
	var warnings []string
	switch slice.AddressType {
	case discoveryv1.AddressTypeFQDN:
		warnings = append(warnings, fmt.Sprintf("%s: FQDN endpoints are deprecated", field.NewPath("addressType")))
	case discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6:
		for i := range slice.Endpoints {
			path := field.NewPath("endpoints").Index(i).Child("addresses")
			for j, address := range slice.Endpoints[i].Addresses {
				warnings = append(warnings, validation.GetWarningsForIP(path.Index(j), address)...)
			}
		}
	}
	return warnings
}

func portsOf(slice *discoveryv1.EndpointSlice) []string {
	ports := make([]string, 0, len(slice.Ports))
	for _, port := range slice.Ports {
		switch {
		case port.Port != nil:
			ports = append(ports, strconv.Itoa(int(*port.Port)))
		case ptr.Deref(port.Name, "") != "":
			ports = append(ports, *port.Name)
		default:
			ports = append(ports, "*")
		}
	}
	return ports
}

func addressesOf(slice *discoveryv1.EndpointSlice) []string {
	var addresses []string
	for _, endpoint := range slice.Endpoints {
		addresses = append(addresses, endpoint.Addresses...)
	}
	return addresses
}

func fewOrUnset(list []string) string {
	if len(list) == 0 {
		return "<unset>"
	}
	return meta.FirstFew(list, 3, ",")
}
