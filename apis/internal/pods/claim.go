// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	metavalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ValidateClaimSpec returns what is wrong with the spec of a PersistentVolumeClaim, which pods may contain a template of.
func ValidateClaimSpec(spec *corev1.PersistentVolumeClaimSpec, path *field.Path) field.ErrorList {
	errs := ValidateAccessModes(spec.AccessModes, path.Child("accessModes"))
	if spec.Selector != nil {
		errs = append(errs, metavalidation.ValidateLabelSelector(spec.Selector,
			metavalidation.LabelSelectorValidationOptions{}, path.Child("selector"))...)
	}
	at := path.Child("resources").Key(string(corev1.ResourceStorage))
	if storage, ok := spec.Resources.Requests[corev1.ResourceStorage]; !ok {
		errs = append(errs, field.Required(at, ""))
	} else if storage.Sign() <= 0 {
		errs = append(errs, field.Invalid(at, storage.String(), "must be greater than zero"))
	}
	if class := spec.StorageClassName; class != nil && *class != "" {
		errs = append(errs, invalid(path.Child("storageClassName"), *class, validation.IsDNS1123Subdomain(*class))...)
	}
	if class := spec.VolumeAttributesClassName; class != nil && *class != "" {
		errs = append(errs, invalid(path.Child("volumeAttributesClassName"), *class, validation.IsDNS1123Subdomain(*class))...)
	}
	if mode := spec.VolumeMode; mode != nil {
		errs = append(errs, oneOf(*mode, path.Child("volumeMode"), corev1.PersistentVolumeBlock, corev1.PersistentVolumeFilesystem)...)
	}
	if source := spec.DataSource; source != nil {
		group := ""
		if source.APIGroup != nil {
			group = *source.APIGroup
		}
		errs = append(errs, validateDataSource(source.Name, source.Kind, group, path.Child("dataSource"))...)
	}
	if source := spec.DataSourceRef; source != nil {
		group := ""
		if source.APIGroup != nil {
			group = *source.APIGroup
		}
		errs = append(errs, validateDataSource(source.Name, source.Kind, group, path.Child("dataSourceRef"))...)
	}
	return errs
}

func validateDataSource(name, kind, group string, path *field.Path) field.ErrorList {
	errs := required(name, path.Child("name"))
	errs = append(errs, required(kind, path.Child("kind"))...)
	if group == "" {
		if kind != "PersistentVolumeClaim" {
			errs = append(errs, field.Invalid(path, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"))
		}
		return errs
	}
	return append(errs, invalid(path.Child("apiGroup"), group, validation.IsDNS1123Subdomain(group))...)
}

// ValidateAccessModes checks the access modes of a claim or volume.
func ValidateAccessModes(modes []corev1.PersistentVolumeAccessMode, path *field.Path) field.ErrorList {
	if len(modes) == 0 {
		return field.ErrorList{field.Required(path, "at least 1 access mode is required")}
	}
	var errs field.ErrorList
	for _, mode := range modes {
		errs = append(errs, oneOf(mode, path, corev1.ReadOnlyMany, corev1.ReadWriteMany, corev1.ReadWriteOnce, corev1.ReadWriteOncePod)...)
	}
	distinct := sets.New(modes...)
	if distinct.Has(corev1.ReadWriteOncePod) && distinct.Len() > 1 {
		errs = append(errs, field.Forbidden(path, "may not use ReadWriteOncePod with other access modes"))
	}
	return errs
}
