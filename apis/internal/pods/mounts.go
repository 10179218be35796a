// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func (r containerRules) validateMounts(c *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	deviceNames, devicePaths := sets.New[string](), sets.New[string]()
	for _, device := range c.VolumeDevices {
		deviceNames.Insert(device.Name)
		devicePaths.Insert(device.DevicePath)
	}
	mounted := sets.New[string]()
	for i, mount := range c.VolumeMounts {
		at := path.Index(i)
		errs = append(errs, required(mount.Name, at.Child("name"))...)
		if _, ok := r.volumes[mount.Name]; !ok {
			errs = append(errs, field.NotFound(at.Child("name"), mount.Name))
		}
		errs = append(errs, required(mount.MountPath, at.Child("mountPath"))...)
		if mounted.Has(mount.MountPath) {
			errs = append(errs, field.Invalid(at.Child("mountPath"), mount.MountPath, "must be unique"))
		}
		mounted.Insert(mount.MountPath)
		if deviceNames.Has(mount.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), mount.Name, "must not already exist in volumeDevices"))
		}
		if devicePaths.Has(mount.MountPath) {
			errs = append(errs, field.Invalid(at.Child("mountPath"), mount.MountPath, "must not already exist as a path in volumeDevices"))
		}
		if mount.SubPath != "" {
			errs = append(errs, descendingPath(mount.SubPath, at.Child("subPath"))...)
		}
		if mount.SubPathExpr != "" {
			if mount.SubPath != "" {
				errs = append(errs, field.Invalid(at.Child("subPathExpr"), mount.SubPathExpr, "subPathExpr and subPath are mutually exclusive"))
			}
			errs = append(errs, descendingPath(mount.SubPathExpr, at.Child("subPathExpr"))...)
		}
		errs = append(errs, validatePropagation(mount.MountPropagation, c, at.Child("mountPropagation"))...)
		errs = append(errs, validateRecursiveReadOnly(mount, at)...)
	}
	return errs
}

func validatePropagation(mode *corev1.MountPropagationMode, c *corev1.Container, path *field.Path) field.ErrorList {
	if mode == nil {
		return nil
	}
	errs := oneOf(*mode, path, corev1.MountPropagationBidirectional, corev1.MountPropagationHostToContainer, corev1.MountPropagationNone)
	privileged := c.SecurityContext != nil && c.SecurityContext.Privileged != nil && *c.SecurityContext.Privileged
	if *mode == corev1.MountPropagationBidirectional && !privileged {
		errs = append(errs, field.Forbidden(path, "Bidirectional mount propagation is available only to privileged containers"))
	}
	return errs
}

func validateRecursiveReadOnly(mount corev1.VolumeMount, path *field.Path) field.ErrorList {
	mode, at := mount.RecursiveReadOnly, path.Child("recursiveReadOnly")
	if mode == nil || *mode == corev1.RecursiveReadOnlyDisabled {
		return nil
	}
	errs := oneOf(*mode, at, corev1.RecursiveReadOnlyDisabled, corev1.RecursiveReadOnlyIfPossible, corev1.RecursiveReadOnlyEnabled)
	if len(errs) > 0 {
		return errs
	}
	if !mount.ReadOnly {
		errs = append(errs, field.Forbidden(at, "may only be specified when readOnly is true"))
	}
	if mount.MountPropagation != nil && *mount.MountPropagation != corev1.MountPropagationNone {
		errs = append(errs, field.Forbidden(at, "may only be specified when mountPropagation is None or not specified"))
	}
	return errs
}

func (r containerRules) validateDevices(c *corev1.Container, path *field.Path) field.ErrorList {
	var errs field.ErrorList
	paths, names := sets.New[string](), sets.New[string]()
	for i, device := range c.VolumeDevices {
		at := path.Index(i)
		errs = append(errs, required(device.Name, at.Child("name"))...)
		if names.Has(device.Name) {
			errs = append(errs, field.Invalid(at.Child("name"), device.Name, "must be unique"))
		}
		names.Insert(device.Name)
		if source, ok := r.volumes[device.Name]; !ok {
			errs = append(errs, field.NotFound(at.Child("name"), device.Name))
		} else if source.PersistentVolumeClaim == nil && source.Ephemeral == nil {
			errs = append(errs, field.Invalid(at.Child("name"), device.Name,
				"can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"))
		}
		if device.DevicePath == "" {
			errs = append(errs, field.Required(at.Child("devicePath"), ""))
		} else {
			errs = append(errs, noBacksteps(device.DevicePath, at.Child("devicePath"))...)
		}
		if paths.Has(device.DevicePath) {
			errs = append(errs, field.Invalid(at.Child("devicePath"), device.DevicePath, "must be unique"))
		}
		paths.Insert(device.DevicePath)
	}
	return errs
}
