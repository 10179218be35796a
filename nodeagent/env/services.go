// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// serviceVariables describes Services in two manners: the one of Kubernetes (<NAME>_SERVICE_HOST) and that of Docker
// links (<NAME>_PORT_80_TCP). A pod that declines them still gets the API server's.
func serviceVariables(pod *corev1.Pod, services []*corev1.Service) []Variable {
	links := pod.Spec.EnableServiceLinks == nil || *pod.Spec.EnableServiceLinks
	byName := map[string]*corev1.Service{}
	for _, service := range services {
		if service.Spec.ClusterIP == "" || service.Spec.ClusterIP == corev1.ClusterIPNone || len(service.Spec.Ports) == 0 {
			continue
		}
		switch {
		case service.Namespace == apiNamespace && service.Name == "kubernetes":
			if _, own := byName[service.Name]; !own {
				byName[service.Name] = service
			}
		case service.Namespace == pod.Namespace && links:
			byName[service.Name] = service
		}
	}
	names := make([]string, 0, len(byName))
	for name := range byName {
		names = append(names, name)
	}
	slices.Sort(names)
	var list []Variable
	for _, name := range names {
		list = append(list, describe(byName[name])...)
	}
	return list
}

// apiNamespace is the namespace of the Service kubernetes.
const apiNamespace = "default"

func describe(service *corev1.Service) []Variable {
	upper := func(name string) string { return strings.ToUpper(strings.ReplaceAll(name, "-", "_")) }
	name, host := upper(service.Name), service.Spec.ClusterIP
	first := service.Spec.Ports[0]
	list := []Variable{
		{name + "_SERVICE_HOST", host},
		{name + "_SERVICE_PORT", strconv.Itoa(int(first.Port))},
	}
	for _, port := range service.Spec.Ports {
		if port.Name != "" {
			list = append(list, Variable{name + "_SERVICE_PORT_" + upper(port.Name), strconv.Itoa(int(port.Port))})
		}
	}
	for i, port := range service.Spec.Ports {
		protocol := strings.ToLower(string(port.Protocol))
		if protocol == "" {
			protocol = "tcp"
		}
		number := strconv.Itoa(int(port.Port))
		url := protocol + "://" + net.JoinHostPort(host, number)
		if i == 0 {
			list = append(list, Variable{name + "_PORT", url})
		}
		prefix := fmt.Sprintf("%s_PORT_%s_%s", name, number, strings.ToUpper(protocol))
		list = append(list,
			Variable{prefix, url},
			Variable{prefix + "_PROTO", protocol},
			Variable{prefix + "_PORT", number},
			Variable{prefix + "_ADDR", host},
		)
	}
	return list
}
