// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func TestValidateResources(t *testing.T) {
	resources := func(requests, limits corev1.ResourceList) func(*corev1.Pod) {
		return main(func(c *corev1.Container) {
			c.Resources = corev1.ResourceRequirements{Requests: requests, Limits: limits}
		})
	}
	const at = "spec.containers[0].resources"
	runValidation(t, []validationCase{
		{"valid", resources(list("cpu", "100m", "memory", "64Mi", "ephemeral-storage", "1Gi"), list("cpu", "1", "example.com/gpu", "2")), nil},
		{"request above limit", resources(list("cpu", "2"), list("cpu", "1")), []string{
			at + `.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`}},
		{"negative", resources(list("memory", "-1"), nil), []string{
			at + `.requests[memory]: Invalid value: "-1": must be greater than or equal to 0`}},
		{"not a container's resource", resources(list("storage", "1Gi"), nil), []string{
			at + `.requests[storage]: Invalid value: "storage": must be a standard resource for containers`}},
		{"a device without a limit", resources(list("example.com/gpu", "1"), nil), []string{
			at + ".limits: Required value: Limit must be set for non overcommitable resources"}},
		{"half a device", resources(nil, list("example.com/gpu", "500m")), []string{
			at + `.limits[example.com/gpu]: Invalid value: "500m": must be an integer`,
			at + `.requests[example.com/gpu]: Invalid value: "500m": must be an integer`}},
		{"fewer devices than the limit", resources(list("example.com/gpu", "1"), list("example.com/gpu", "2")), []string{
			at + `.requests: Invalid value: "1": must be equal to example.com/gpu limit of 2`}},
		{"huge pages alone", resources(nil, list("hugepages-2Mi", "4Mi")), []string{at + ": Forbidden: HugePages require cpu or memory"}},
		{"part of a huge page", resources(list("cpu", "1"), list("hugepages-2Mi", "3Mi")), []string{
			at + `.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`,
			at + `.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi`}},
		{"overhead", spec(func(s *corev1.PodSpec) { s.Overhead = list("cpu", "-1") }), []string{
			`spec.overhead[cpu]: Invalid value: "-1": must be greater than or equal to 0`}},
		{"an unknown claim", main(func(c *corev1.Container) { c.Resources.Claims = []corev1.ResourceClaim{{Name: "x"}} }), []string{
			at + `.claims[0].name: Not found: "x"`}},
		{"a claim of nothing", spec(func(s *corev1.PodSpec) { s.ResourceClaims = []corev1.PodResourceClaim{{Name: "x"}} }), []string{
			"spec.resourceClaims[0]: Invalid value: …"}},
		{"the whole pod asks for less than its containers", spec(func(s *corev1.PodSpec) {
			s.Containers[0].Resources.Requests = list("cpu", "2")
			s.Resources = &corev1.ResourceRequirements{Requests: list("cpu", "1")}
		}), []string{`spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2`}},
		{"the whole pod asks for disk", spec(func(s *corev1.PodSpec) {
			s.Resources = &corev1.ResourceRequirements{Requests: list("ephemeral-storage", "1")}
		}), []string{`spec.resources.requests[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-*", "memory"`}},
	})
}

func TestValidateSecurity(t *testing.T) {
	container := func(sc corev1.SecurityContext) func(*corev1.Pod) {
		return main(func(c *corev1.Container) { c.SecurityContext = &sc })
	}
	pod := func(sc corev1.PodSecurityContext) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) { s.SecurityContext = &sc })
	}
	runValidation(t, []validationCase{
		{"negative user", container(corev1.SecurityContext{RunAsUser: ptr.To[int64](-1)}), []string{
			"spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"}},
		{"privileged without escalation", container(corev1.SecurityContext{AllowPrivilegeEscalation: ptr.To(false), Privileged: ptr.To(true)}), []string{
			"spec.containers[0].securityContext: Invalid value: …"}},
		{"unmasked proc in the host's user namespace", container(corev1.SecurityContext{ProcMount: ptr.To(corev1.UnmaskedProcMount)}), []string{
			"spec.containers[0].securityContext.procMount: Invalid value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`"}},
		{"seccomp", pod(corev1.PodSecurityContext{SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeLocalhost}}), []string{
			"spec.securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is Localhost"}},
		{"AppArmor", pod(corev1.PodSecurityContext{AppArmorProfile: &corev1.AppArmorProfile{Type: "x", LocalhostProfile: ptr.To("p")}}), []string{
			`spec.securityContext.appArmorProfile.type: Unsupported value: "x": supported values: "Localhost", "RuntimeDefault", "Unconfined"`,
			`spec.securityContext.appArmorProfile.localhostProfile: Invalid value: "p": can only be set when AppArmor type is Localhost`}},
		{"sysctls", pod(corev1.PodSecurityContext{Sysctls: []corev1.Sysctl{{Name: "a.b"}, {Name: "a.b"}, {Name: "A"}}}), []string{
			`spec.securityContext.sysctls[1].name: Duplicate value: "a.b"`,
			`spec.securityContext.sysctls[2].name: Invalid value: "A": must have at most 253 characters and match regex …`}},
		{"supplemental group", pod(corev1.PodSecurityContext{SupplementalGroups: []int64{1, -1}}), []string{
			"spec.securityContext.supplementalGroups[1]: Invalid value: -1: must be between 0 and 2147483647, inclusive"}},
		{"shared processes twice", spec(func(s *corev1.PodSpec) { s.HostPID, s.ShareProcessNamespace = true, ptr.To(true) }), []string{
			"spec.securityContext.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled"}},
	})
}
