// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/apis/kind"
)

// Endpoints are the addresses behind a Service, in the form that came before EndpointSlice.
var Endpoints = kind.Of[*corev1.Endpoints, *corev1.EndpointsList]{
	GroupVersion:    corev1.SchemeGroupVersion,
	Names:           kind.Names{Plural: "endpoints", Short: []string{"ep"}},
	StorageResource: "services/endpoints",
	Default:         defaultEndpoints,
	Validate:        validateEndpoints,
	Warnings:        endpointsWarnings,
	CreateOnUpdate:  true,
	Columns: []kind.Column[*corev1.Endpoints]{
		{Name: "Endpoints", Value: func(e *corev1.Endpoints, _ time.Time) any { return formatEndpoints(e) }},
		kind.Age[*corev1.Endpoints](),
	},
}

func defaultEndpoints(e *corev1.Endpoints) {
	for i := range e.Subsets {
		for j := range e.Subsets[i].Ports {
			if p := &e.Subsets[i].Ports[j]; p.Protocol == "" {
				p.Protocol = corev1.ProtocolTCP
			}
		}
	}
}

// maxShownEndpoints is how many addresses fit a cell.
const maxShownEndpoints = 3

func formatEndpoints(e *corev1.Endpoints) string {
	var all []string
	for _, subset := range e.Subsets {
		for _, port := range subset.Ports {
			for _, address := range subset.Addresses {
				all = append(all, net.JoinHostPort(address.IP, strconv.Itoa(int(port.Port))))
			}
		}
		if len(subset.Ports) == 0 { // a headless service without ports
			for _, address := range subset.Addresses {
				all = append(all, address.IP)
			}
		}
	}
	switch {
	case len(e.Subsets) == 0:
		return "<none>"
	case len(all) > maxShownEndpoints:
		shown := strings.Join(all[:maxShownEndpoints], ",")
		return fmt.Sprintf("%s + %d more...", shown, len(all)-maxShownEndpoints)
	}
	return strings.Join(all, ",")
}
