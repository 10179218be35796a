// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func validatePorts(ports []corev1.ContainerPort, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	names := sets.New[string]()
	for i, p := range ports {
		at := path.Index(i)
		if p.Name != "" {
			messages := validation.IsValidPortName(p.Name)
			errs = append(errs, invalid(at.Child("name"), p.Name, messages)...)
			if len(messages) == 0 {
				if names.Has(p.Name) {
					errs = append(errs, field.Duplicate(at.Child("name"), p.Name))
				}
				names.Insert(p.Name)
			}
		}
		if p.ContainerPort == 0 {
			errs = append(errs, field.Required(at.Child("containerPort"), ""))
		} else {
			errs = append(errs, invalid(at.Child("containerPort"), p.ContainerPort, validation.IsValidPortNum(int(p.ContainerPort)))...)
		}
		if p.HostPort != 0 {
			errs = append(errs, invalid(at.Child("hostPort"), p.HostPort, validation.IsValidPortNum(int(p.HostPort)))...)
		}
		if p.HostIP != "" {
			errs = append(errs, validation.IsValidIPForLegacyField(at.Child("hostIP"), p.HostIP, false, nil)...)
		}
		errs = append(errs, requiredOneOf(p.Protocol, at.Child("protocol"),
			corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP)...)
	}
	return errs
}

// validateHostPorts checks that no two containers want the same port of the host, and that with the host's network the
// two numbers of a port agree. Templates may leave the host port out, as it is filled in when a pod is made.
func validateHostPorts(spec *corev1.PodSpec, path *field.Path, isPod bool) field.ErrorList {
	var errs field.ErrorList
	check := func(c *corev1.Container, path *field.Path, used sets.Set[string]) {
		for i, p := range c.Ports {
			at := path.Child("ports").Index(i).Child("hostPort")
			if spec.HostNetwork && p.HostPort != p.ContainerPort && (isPod || p.HostPort != 0) {
				errs = append(errs, field.Invalid(at, p.HostPort, "must match `containerPort` when `hostNetwork` is true"))
			}
			if p.HostPort == 0 {
				continue
			}
			key := fmt.Sprintf("%s/%s/%d", p.Protocol, p.HostIP, p.HostPort)
			if used.Has(key) {
				errs = append(errs, field.Duplicate(at, key))
			}
			used.Insert(key)
		}
	}
	used := sets.New[string]()
	for i := range spec.Containers {
		check(&spec.Containers[i], path.Child("containers").Index(i), used)
	}
	for i := range spec.InitContainers {
		// Init containers end before others start, so each may use any port; sidecars keep running beside the others.
		mine := sets.New[string]()
		if restartable(&spec.InitContainers[i]) {
			mine = used
		}
		check(&spec.InitContainers[i], path.Child("initContainers").Index(i), mine)
	}
	return errs
}
