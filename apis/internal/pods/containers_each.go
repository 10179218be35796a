// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Role is the list of a pod's spec that a container is in.
type Role int

// The three lists of containers.
const (
	Init Role = iota
	Main
	Ephemeral
)

// EachContainer calls visit for every container of spec: init, main, then ephemeral ones. An ephemeral container is
// visited as the Container that it shares its fields with.
func EachContainer(spec *corev1.PodSpec, path *field.Path, visit func(c *corev1.Container, role Role, path *field.Path)) {
	for i := range spec.InitContainers {
		visit(&spec.InitContainers[i], Init, path.Child("initContainers").Index(i))
	}
	for i := range spec.Containers {
		visit(&spec.Containers[i], Main, path.Child("containers").Index(i))
	}
	for i := range spec.EphemeralContainers {
		c := (*corev1.Container)(&spec.EphemeralContainers[i].EphemeralContainerCommon)
		visit(c, Ephemeral, path.Child("ephemeralContainers").Index(i))
	}
}

// restartable reports whether an init container keeps running beside the main ones (a sidecar).
func restartable(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}
