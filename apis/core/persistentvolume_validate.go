// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"fmt"
	"path"
	"reflect"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"coxswain.dev/coxswain/apis/internal/pods"
)

func validatePersistentVolume(v, old *corev1.PersistentVolume) field.ErrorList {
	at := field.NewPath("spec")
	errs := pods.ValidateAccessModes(v.Spec.AccessModes, at.Child("accessModes"))
	if len(v.Spec.Capacity) == 0 {
		errs = append(errs, field.Required(at.Child("capacity"), ""))
	} else if storage, ok := v.Spec.Capacity[corev1.ResourceStorage]; !ok || len(v.Spec.Capacity) > 1 {
		errs = append(errs, field.NotSupported(at.Child("capacity"), v.Spec.Capacity, []corev1.ResourceName{corev1.ResourceStorage}))
	} else if storage.Sign() <= 0 {
		errs = append(errs, field.Invalid(at.Child("capacity").Key(string(corev1.ResourceStorage)), storage.String(), "must be greater than zero"))
	}
	switch policy := v.Spec.PersistentVolumeReclaimPolicy; policy {
	case "", corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRecycle, corev1.PersistentVolumeReclaimRetain:
	default:
		errs = append(errs, field.NotSupported(at.Child("persistentVolumeReclaimPolicy"), policy, []corev1.PersistentVolumeReclaimPolicy{
			corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRecycle, corev1.PersistentVolumeReclaimRetain}))
	}
	if class := v.Spec.StorageClassName; class != "" {
		errs = append(errs, invalidName(at.Child("storageClassName"), class, validation.IsDNS1123Subdomain(class))...)
	}
	if affinity := v.Spec.NodeAffinity; affinity != nil && affinity.Required != nil {
		errs = append(errs, pods.ValidateNodeSelector(affinity.Required, at.Child("nodeAffinity", "required"))...)
	}
	errs = append(errs, validateVolumeSource(v, at)...)
	if old != nil {
		errs = append(errs, validateVolumeUpdate(v, old, at)...)
	}
	return errs
}

// validateVolumeSource checks that a volume has exactly one source and, for those that this cluster can mount, the
// source itself.
func validateVolumeSource(v *corev1.PersistentVolume, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	source := reflect.ValueOf(v.Spec.PersistentVolumeSource)
	given := 0
	for i := range source.NumField() {
		if source.Field(i).IsNil() {
			continue
		}
		if given++; given > 1 {
			errs = append(errs, field.Forbidden(at.Child(jsonName(source.Type().Field(i))), "may not specify more than 1 volume type"))
		}
	}
	if given == 0 {
		return append(errs, field.Required(at, "must specify a volume type"))
	}
	required := func(value string, at *field.Path) {
		if value == "" {
			errs = append(errs, field.Required(at, ""))
		}
	}
	spec := &v.Spec
	if s := spec.HostPath; s != nil {
		required(s.Path, at.Child("hostPath", "path"))
		if path.Clean(s.Path) == "/" && spec.PersistentVolumeReclaimPolicy == corev1.PersistentVolumeReclaimRecycle {
			errs = append(errs, field.Forbidden(at.Child("persistentVolumeReclaimPolicy"), "may not be 'recycle' for a hostPath mount of '/'"))
		}
	}
	if s := spec.Local; s != nil {
		required(s.Path, at.Child("local", "path"))
		if spec.NodeAffinity == nil {
			errs = append(errs, field.Required(at.Child("nodeAffinity"), "Local volume requires node affinity"))
		}
	}
	if s := spec.NFS; s != nil {
		required(s.Server, at.Child("nfs", "server"))
		required(s.Path, at.Child("nfs", "path"))
	}
	if s := spec.CSI; s != nil {
		required(s.Driver, at.Child("csi", "driver"))
		required(s.VolumeHandle, at.Child("csi", "volumeHandle"))
	}
	return errs
}

func validateVolumeUpdate(v, old *corev1.PersistentVolume, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	if !apiequality.Semantic.DeepEqual(v.Spec.PersistentVolumeSource, old.Spec.PersistentVolumeSource) {
		errs = append(errs, field.Forbidden(at.Child("persistentvolumesource"), "spec.persistentvolumesource is immutable after creation"))
	}
	if !apiequality.Semantic.DeepEqual(v.Spec.VolumeMode, old.Spec.VolumeMode) {
		errs = append(errs, field.Invalid(at.Child("volumeMode"), v.Spec.VolumeMode, "field is immutable"))
	}
	if old.Spec.NodeAffinity != nil && !apiequality.Semantic.DeepEqual(v.Spec.NodeAffinity, old.Spec.NodeAffinity) {
		errs = append(errs, field.Invalid(at.Child("nodeAffinity"), v.Spec.NodeAffinity, "field is immutable, except for updating from beta label to GA"))
	}
	return errs
}

func jsonName(f reflect.StructField) string {
	name := f.Tag.Get("json")
	for i := range name {
		if name[i] == ',' {
			return name[:i]
		}
	}
	return name
}

func validateClaim(c, old *corev1.PersistentVolumeClaim) field.ErrorList {
	at := field.NewPath("spec")
	errs := pods.ValidateClaimSpec(&c.Spec, at)
	if old != nil {
		errs = append(errs, validateClaimUpdate(c, old, at)...)
	}
	return errs
}

// validateClaimUpdate lets a bound claim grow, and an unbound one be bound; nothing else changes.
func validateClaimUpdate(c, old *corev1.PersistentVolumeClaim, at *field.Path) field.ErrorList {
	var errs field.ErrorList
	rest := c.Spec.DeepCopy()
	if old.Spec.VolumeName == "" {
		rest.VolumeName = ""
	}
	rest.VolumeAttributesClassName = old.Spec.VolumeAttributesClassName
	if old.Spec.StorageClassName == nil {
		rest.StorageClassName = nil // the default class may be chosen later
	}
	now, before := c.Spec.Resources.Requests[corev1.ResourceStorage], old.Spec.Resources.Requests[corev1.ResourceStorage]
	if old.Status.Phase == corev1.ClaimBound && now.Cmp(before) != 0 {
		if rest.Resources.Requests != nil {
			rest.Resources.Requests[corev1.ResourceStorage] = before.DeepCopy()
		}
		if capacity := old.Status.Capacity[corev1.ResourceStorage]; now.Cmp(before) < 0 && now.Cmp(capacity) <= 0 {
			errs = append(errs, field.Forbidden(at.Child("resources", "requests", "storage"), "field can not be less than status.capacity"))
		}
	}
	if !apiequality.Semantic.DeepEqual(*rest, old.Spec) {
		errs = append(errs, field.Forbidden(at, fmt.Sprintf("spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n%v",
			cmp.Diff(old.Spec, *rest))))
	}
	return errs
}
