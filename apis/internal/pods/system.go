// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// validateHostUsers refuses parts of the host that a pod with its own user namespace cannot share.
func validateHostUsers(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	if spec.HostUsers == nil || *spec.HostUsers {
		return nil
	}
	var errs field.ErrorList
	forbid := func(set bool, at *field.Path) {
		if set {
			errs = append(errs, field.Forbidden(at, "when `hostUsers` is false"))
		}
	}
	forbid(spec.HostNetwork, path.Child("hostNetwork"))
	forbid(spec.HostPID, path.Child("hostPID"))
	forbid(spec.HostIPC, path.Child("hostIPC"))
	EachContainer(spec, path, func(c *corev1.Container, _ Role, at *field.Path) {
		forbid(len(c.VolumeDevices) > 0, at.Child("volumeDevices"))
	})
	return errs
}

// validateOS checks that a pod for an operating system does not use what another one has.
func validateOS(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	if spec.OS == nil {
		return nil
	}
	name := path.Child("os", "name")
	if spec.OS.Name == "" {
		return field.ErrorList{field.Required(name, "cannot be empty")}
	}
	if errs := oneOf(spec.OS.Name, name, corev1.Linux, corev1.Windows); len(errs) > 0 {
		return errs
	}
	if spec.OS.Name == corev1.Windows {
		return forbidOnWindows(spec, path)
	}
	var errs field.ErrorList
	const message = "windows options cannot be set for a linux pod"
	if sc := spec.SecurityContext; sc != nil && sc.WindowsOptions != nil {
		errs = append(errs, field.Forbidden(path.Child("securityContext", "windowsOptions"), message))
	}
	EachContainer(spec, path, func(c *corev1.Container, _ Role, at *field.Path) {
		if sc := c.SecurityContext; sc != nil && sc.WindowsOptions != nil {
			errs = append(errs, field.Forbidden(at.Child("securityContext", "windowsOptions"), message))
		}
	})
	return errs
}

func forbidOnWindows(spec *corev1.PodSpec, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	forbid := func(set bool, at *field.Path) {
		if set {
			errs = append(errs, field.Forbidden(at, "cannot be set for a windows pod"))
		}
	}
	forbid(spec.HostPID, path.Child("hostPID"))
	forbid(spec.HostIPC, path.Child("hostIPC"))
	forbid(spec.ShareProcessNamespace != nil, path.Child("shareProcessNamespace"))
	if sc := spec.SecurityContext; sc != nil {
		at := path.Child("securityContext")
		forbid(sc.AppArmorProfile != nil, at.Child("appArmorProfile"))
		forbid(sc.SELinuxOptions != nil, at.Child("seLinuxOptions"))
		forbid(sc.SeccompProfile != nil, at.Child("seccompProfile"))
		forbid(sc.FSGroup != nil, at.Child("fsGroup"))
		forbid(sc.FSGroupChangePolicy != nil, at.Child("fsGroupChangePolicy"))
		forbid(len(sc.Sysctls) > 0, at.Child("sysctls"))
		forbid(sc.RunAsUser != nil, at.Child("runAsUser"))
		forbid(sc.RunAsGroup != nil, at.Child("runAsGroup"))
		forbid(len(sc.SupplementalGroups) > 0, at.Child("supplementalGroups"))
		forbid(sc.SupplementalGroupsPolicy != nil, at.Child("supplementalGroupsPolicy"))
	}
	EachContainer(spec, path, func(c *corev1.Container, _ Role, at *field.Path) {
		sc := c.SecurityContext
		if sc == nil {
			return
		}
		at = at.Child("securityContext")
		forbid(sc.AppArmorProfile != nil, at.Child("appArmorProfile"))
		forbid(sc.SELinuxOptions != nil, at.Child("seLinuxOptions"))
		forbid(sc.SeccompProfile != nil, at.Child("seccompProfile"))
		forbid(sc.Capabilities != nil, at.Child("capabilities"))
		forbid(sc.ReadOnlyRootFilesystem != nil, at.Child("readOnlyRootFilesystem"))
		forbid(sc.Privileged != nil, at.Child("privileged"))
		forbid(sc.AllowPrivilegeEscalation != nil, at.Child("allowPrivilegeEscalation"))
		forbid(sc.ProcMount != nil, at.Child("procMount"))
		forbid(sc.RunAsUser != nil, at.Child("runAsUser"))
		forbid(sc.RunAsGroup != nil, at.Child("runAsGroup"))
	})
	return errs
}
