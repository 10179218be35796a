// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Source has what fields are read from.
type Source struct {
	Pod *corev1.Pod
	// PodIPs and HostIPs may be ahead of the pod's status.
	PodIPs, HostIPs []string
	// Allocatable of the node stands in for a limit that a container does not have.
	Allocatable corev1.ResourceList
}

// Field returns the value at a field path, metadata.name or metadata.labels['key'].
func (s Source) Field(path string) (string, error) {
	if prefix, key, found := strings.Cut(path, "['"); found && strings.HasSuffix(key, "']") {
		key = strings.TrimSuffix(key, "']")
		switch prefix {
		case "metadata.labels":
			return s.Pod.Labels[key], nil
		case "metadata.annotations":
			return s.Pod.Annotations[key], nil
		}
		return "", fmt.Errorf("field path %q is not supported", path)
	}
	switch path {
	case "metadata.name":
		return s.Pod.Name, nil
	case "metadata.namespace":
		return s.Pod.Namespace, nil
	case "metadata.uid":
		return string(s.Pod.UID), nil
	case "metadata.labels":
		return lines(s.Pod.Labels), nil
	case "metadata.annotations":
		return lines(s.Pod.Annotations), nil
	case "spec.nodeName":
		return s.Pod.Spec.NodeName, nil
	case "spec.serviceAccountName":
		return s.Pod.Spec.ServiceAccountName, nil
	case "status.hostIP":
		return first(s.HostIPs), nil
	case "status.hostIPs":
		return strings.Join(s.HostIPs, ","), nil
	case "status.podIP":
		return first(s.PodIPs), nil
	case "status.podIPs":
		return strings.Join(s.PodIPs, ","), nil
	}
	return "", fmt.Errorf("field path %q is not supported", path)
}

// Resource returns a request or limit of a container, in units of its divisor, rounded up.
func (s Source) Resource(ref *corev1.ResourceFieldSelector, container *corev1.Container) (string, error) {
	if ref.ContainerName != "" {
		if container = s.container(ref.ContainerName); container == nil {
			return "", fmt.Errorf("the pod has no container %q", ref.ContainerName)
		}
	}
	kind, name, found := strings.Cut(ref.Resource, ".")
	if !found {
		return "", fmt.Errorf("resource %q is neither limits.* nor requests.*", ref.Resource)
	}
	var quantity resource.Quantity
	switch kind {
	case "limits":
		limit, has := container.Resources.Limits[corev1.ResourceName(name)]
		if !has {
			limit = s.Allocatable[corev1.ResourceName(name)]
		}
		quantity = limit
	case "requests":
		quantity = container.Resources.Requests[corev1.ResourceName(name)]
	default:
		return "", fmt.Errorf("resource %q is neither limits.* nor requests.*", ref.Resource)
	}
	divisor := ref.Divisor
	if divisor.IsZero() {
		divisor = resource.MustParse("1")
	}
	if name == string(corev1.ResourceCPU) {
		return strconv.FormatInt(divide(quantity.MilliValue(), divisor.MilliValue()), 10), nil
	}
	return strconv.FormatInt(divide(quantity.Value(), divisor.Value()), 10), nil
}

func divide(a, b int64) int64 { return int64(math.Ceil(float64(a) / float64(b))) }

func (s Source) container(name string) *corev1.Container {
	for _, list := range [][]corev1.Container{s.Pod.Spec.Containers, s.Pod.Spec.InitContainers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

// lines writes a map as sorted key="value" lines.
func lines(m map[string]string) string {
	var out strings.Builder
	for i, key := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintf(&out, "%s=%q", key, m[key])
	}
	return out.String()
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}
