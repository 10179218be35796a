// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// securityHook says which namespaces are shared, who a container runs as and what it may do.
type securityHook struct{ NodeConfig }

func (h *securityHook) PrepareSandbox(_ context.Context, pod *corev1.Pod, config *cri.PodSandboxConfig) error {
	s := &cri.LinuxSandboxSecurityContext{
		NamespaceOptions: namespaces(pod),
		Privileged:       privileged(pod),
		Seccomp:          &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault},
	}
	if c := pod.Spec.SecurityContext; c != nil {
		if c.RunAsUser != nil && *c.RunAsUser != 0 {
			s.RunAsUser = int64Value(c.RunAsUser)
			s.RunAsGroup = int64Value(c.RunAsGroup)
		}
		s.SupplementalGroups = groups(pod)
		for _, sysctl := range c.Sysctls {
			if config.Linux.Sysctls == nil {
				config.Linux.Sysctls = map[string]string{}
			}
			config.Linux.Sysctls[sysctl.Name] = sysctl.Value
		}
	}
	config.Linux.SecurityContext = s
	return nil
}

func (h *securityHook) PrepareContainer(_ context.Context, r *ContainerRequest) error {
	context, err := Security(r.Pod, r.Container, r.Image, h.Seccomp, h.SeccompDefault)
	if err != nil {
		return err
	}
	if r.Kind == lifecycle.Ephemeral {
		target(context, r)
	}
	r.Config.Linux.SecurityContext = context
	return nil
}

// target lets an ephemeral container see the processes of the container that it was made to debug.
func target(context *cri.LinuxContainerSecurityContext, r *ContainerRequest) {
	for i := range r.Pod.Spec.EphemeralContainers {
		e := &r.Pod.Spec.EphemeralContainers[i]
		if e.Name != r.Container.Name || e.TargetContainerName == "" {
			continue
		}
		if run := r.State.Container(e.TargetContainerName); run != nil {
			context.NamespaceOptions.Pid = cri.NamespaceMode_TARGET
			context.NamespaceOptions.TargetId = run.ID
		}
	}
}

// Security returns a container's security context, the pod's filling in what the container's does not say.
func Security(pod *corev1.Pod, c *corev1.Container, image *runtime.Image, seccompDir string, seccompDefault bool) (*cri.LinuxContainerSecurityContext, error) {
	own, of := c.SecurityContext, pod.Spec.SecurityContext
	if own == nil {
		own = &corev1.SecurityContext{}
	}
	if of == nil {
		of = &corev1.PodSecurityContext{}
	}
	s := &cri.LinuxContainerSecurityContext{
		NamespaceOptions:   namespaces(pod),
		Privileged:         own.Privileged != nil && *own.Privileged,
		ReadonlyRootfs:     own.ReadOnlyRootFilesystem != nil && *own.ReadOnlyRootFilesystem,
		NoNewPrivs:         own.AllowPrivilegeEscalation != nil && !*own.AllowPrivilegeEscalation,
		RunAsUser:          int64Value(first(own.RunAsUser, of.RunAsUser)),
		RunAsGroup:         int64Value(first(own.RunAsGroup, of.RunAsGroup)),
		SupplementalGroups: groups(pod),
		Seccomp:            seccomp(first(own.SeccompProfile, of.SeccompProfile), seccompDir, seccompDefault),
	}
	if policy := of.SupplementalGroupsPolicy; policy != nil && *policy == corev1.SupplementalGroupsPolicyStrict {
		s.SupplementalGroupsPolicy = cri.SupplementalGroupsPolicy_Strict
	}
	if add := own.Capabilities; add != nil {
		s.Capabilities = &cri.Capability{AddCapabilities: names(add.Add), DropCapabilities: names(add.Drop)}
	}
	if own.ProcMount == nil || *own.ProcMount != corev1.UnmaskedProcMount {
		s.MaskedPaths, s.ReadonlyPaths = slices.Clone(maskedPaths), slices.Clone(readonlyPaths)
	}
	if s.RunAsUser == nil && image != nil {
		switch {
		case image.UID != nil:
			s.RunAsUser = &cri.Int64Value{Value: *image.UID}
		case image.Username != "":
			s.RunAsUsername = image.Username
		default:
			s.RunAsUser = &cri.Int64Value{}
		}
	}
	if must := first(own.RunAsNonRoot, of.RunAsNonRoot); must != nil && *must {
		switch {
		case s.RunAsUsername != "":
			return nil, fmt.Errorf("container has runAsNonRoot and image has non-numeric user (%s), cannot verify user is non-root (pod: %q, container: %s)", s.RunAsUsername, pod.Name+"_"+pod.Namespace, c.Name)
		case s.RunAsUser == nil || s.RunAsUser.Value == 0:
			if first(own.RunAsUser, of.RunAsUser) != nil {
				return nil, fmt.Errorf("container's runAsUser breaks non-root policy (pod: %q, container: %s)", pod.Name+"_"+pod.Namespace, c.Name)
			}
			return nil, fmt.Errorf("container has runAsNonRoot and image will run as root (pod: %q, container: %s)", pod.Name+"_"+pod.Namespace, c.Name)
		}
	}
	return s, nil
}

// Paths of /proc and /sys that containers must not see or change, the OCI runtime's own defaults.
var (
	maskedPaths = []string{
		"/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
		"/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
		"/sys/devices/virtual/powercap",
	}
	readonlyPaths = []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"}
)

func namespaces(pod *corev1.Pod) *cri.NamespaceOption {
	options := &cri.NamespaceOption{
		Network: cri.NamespaceMode_POD, Ipc: cri.NamespaceMode_POD, Pid: cri.NamespaceMode_CONTAINER,
	}
	if pod.Spec.HostNetwork {
		options.Network = cri.NamespaceMode_NODE
	}
	if pod.Spec.HostIPC {
		options.Ipc = cri.NamespaceMode_NODE
	}
	switch {
	case pod.Spec.HostPID:
		options.Pid = cri.NamespaceMode_NODE
	case pod.Spec.ShareProcessNamespace != nil && *pod.Spec.ShareProcessNamespace:
		options.Pid = cri.NamespaceMode_POD
	}
	return options
}

func privileged(pod *corev1.Pod) bool {
	for _, list := range [][]corev1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if s := list[i].SecurityContext; s != nil && s.Privileged != nil && *s.Privileged {
				return true
			}
		}
	}
	return false
}

func groups(pod *corev1.Pod) (list []int64) {
	s := pod.Spec.SecurityContext
	if s == nil {
		return nil
	}
	if s.FSGroup != nil {
		list = append(list, *s.FSGroup)
	}
	return append(list, s.SupplementalGroups...)
}

func seccomp(profile *corev1.SeccompProfile, dir string, byDefault bool) *cri.SecurityProfile {
	switch {
	case profile == nil && byDefault:
		return &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault}
	case profile == nil:
		return &cri.SecurityProfile{ProfileType: cri.SecurityProfile_Unconfined}
	case profile.Type == corev1.SeccompProfileTypeRuntimeDefault:
		return &cri.SecurityProfile{ProfileType: cri.SecurityProfile_RuntimeDefault}
	case profile.Type == corev1.SeccompProfileTypeLocalhost && profile.LocalhostProfile != nil:
		return &cri.SecurityProfile{ProfileType: cri.SecurityProfile_Localhost, LocalhostRef: filepath.Join(dir, *profile.LocalhostProfile)}
	}
	return &cri.SecurityProfile{ProfileType: cri.SecurityProfile_Unconfined}
}

func names(list []corev1.Capability) []string {
	out := make([]string, 0, len(list))
	for _, capability := range list {
		out = append(out, string(capability))
	}
	return out
}

// first returns what is set first.
func first[T any](values ...*T) *T {
	for _, v := range values {
		if v != nil {
			return v
		}
	}
	return nil
}

func int64Value(v *int64) *cri.Int64Value {
	if v == nil {
		return nil
	}
	return &cri.Int64Value{Value: *v}
}

// sortedNames makes the first shortage that is reported the same each time.
func sortedNames(list corev1.ResourceList) []corev1.ResourceName {
	return slices.Sorted(maps.Keys(list))
}
