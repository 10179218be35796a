// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package meta

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// FirstFew joins the first few of a list for a table cell and says how many more there are.
func FirstFew(list []string, few int, separator string) string {
	if len(list) <= few {
		return strings.Join(list, separator)
	}
	return fmt.Sprintf("%s + %d more...", strings.Join(list[:few], separator), len(list)-few)
}

// ContainerNames are the names of the containers of a pod, for a table cell.
func ContainerNames(spec *corev1.PodSpec) string {
	return joined(spec.Containers, func(c *corev1.Container) string { return c.Name })
}

// ContainerImages are the images of the containers of a pod, for a table cell.
func ContainerImages(spec *corev1.PodSpec) string {
	return joined(spec.Containers, func(c *corev1.Container) string { return c.Image })
}

func joined(containers []corev1.Container, of func(*corev1.Container) string) string {
	all := make([]string, 0, len(containers))
	for i := range containers {
		all = append(all, of(&containers[i]))
	}
	return strings.Join(all, ",")
}
