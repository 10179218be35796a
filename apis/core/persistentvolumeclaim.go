// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/kind"
)

// PersistentVolumeClaims ask for a PersistentVolume.
var PersistentVolumeClaims = kind.Of[*corev1.PersistentVolumeClaim, *corev1.PersistentVolumeClaimList]{
	GroupVersion: corev1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "persistentvolumeclaims", Short: []string{"pvc"}},
	Default:      defaultClaim,
	Validate:     validateClaim,
	Owns:         kind.StatusApart,
	OnCreate: func(_ context.Context, c *corev1.PersistentVolumeClaim) {
		c.Status = corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}
		syncDataSources(&c.Spec)
	},
	OnUpdate:      func(_ context.Context, c, _ *corev1.PersistentVolumeClaim) { syncDataSources(&c.Spec) },
	ReturnDeleted: true,
	Columns: []kind.Column[*corev1.PersistentVolumeClaim]{
		{Name: "Status", Value: func(c *corev1.PersistentVolumeClaim, _ time.Time) any {
			return terminatingOr(c.DeletionTimestamp != nil, string(c.Status.Phase))
		}},
		{Name: "Volume", Value: func(c *corev1.PersistentVolumeClaim, _ time.Time) any { return c.Spec.VolumeName }},
		{Name: "Capacity", Value: func(c *corev1.PersistentVolumeClaim, _ time.Time) any {
			if c.Spec.VolumeName == "" {
				return ""
			}
			return quantityOf(c.Status.Capacity, corev1.ResourceStorage)
		}},
		{Name: "Access Modes", Value: func(c *corev1.PersistentVolumeClaim, _ time.Time) any {
			if c.Spec.VolumeName == "" {
				return ""
			}
			return accessModes(c.Status.AccessModes)
		}},
		{Name: "StorageClass", Value: func(c *corev1.PersistentVolumeClaim, _ time.Time) any { return claimClass(c) }},
		{Name: "VolumeAttributesClass", Value: func(c *corev1.PersistentVolumeClaim, _ time.Time) any {
			return orUnset(c.Spec.VolumeAttributesClassName)
		}},
		kind.Age[*corev1.PersistentVolumeClaim](),
		{Name: "VolumeMode", Priority: 1, Value: func(c *corev1.PersistentVolumeClaim, _ time.Time) any {
			return orUnset(c.Spec.VolumeMode)
		}},
	},
	Fields: map[string]func(*corev1.PersistentVolumeClaim) string{
		// Field selectors have always accepted this older spelling of metadata.name.
		"name": func(c *corev1.PersistentVolumeClaim) string { return c.Name },
	},
}

func defaultClaim(c *corev1.PersistentVolumeClaim) {
	if c.Spec.VolumeMode == nil {
		c.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeFilesystem)
	}
}

// claimClass is the storage class of a claim; the annotation from before the field still wins.
func claimClass(c *corev1.PersistentVolumeClaim) string {
	if class, ok := c.Annotations[corev1.BetaStorageClassAnnotation]; ok {
		return class
	}
	return ptr.Deref(c.Spec.StorageClassName, "")
}

// syncDataSources lets clients set either of dataSource and dataSourceRef; a reference into another namespace has no
// place in dataSource.
func syncDataSources(spec *corev1.PersistentVolumeClaimSpec) {
	ref, source := spec.DataSourceRef, spec.DataSource
	switch {
	case source != nil && ref == nil:
		spec.DataSourceRef = &corev1.TypedObjectReference{APIGroup: source.APIGroup, Kind: source.Kind, Name: source.Name}
	case ref != nil && source == nil && ptr.Deref(ref.Namespace, "") == "":
		spec.DataSource = &corev1.TypedLocalObjectReference{APIGroup: ref.APIGroup, Kind: ref.Kind, Name: ref.Name}
	}
}
