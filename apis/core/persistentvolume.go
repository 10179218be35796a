// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/kind"
)

// PersistentVolumes are pieces of storage that outlive pods.
var PersistentVolumes = kind.Of[*corev1.PersistentVolume, *corev1.PersistentVolumeList]{
	GroupVersion: corev1.SchemeGroupVersion,
	Names:        kind.Names{Plural: "persistentvolumes", Short: []string{"pv"}},
	Scope:        kind.Cluster,
	Default:      defaultPersistentVolume,
	Validate:     validatePersistentVolume,
	Owns:         kind.StatusApart,
	OnCreate: func(_ context.Context, v *corev1.PersistentVolume) {
		v.Status = corev1.PersistentVolumeStatus{Phase: corev1.VolumePending}
	},
	ReturnDeleted: true,
	Columns: []kind.Column[*corev1.PersistentVolume]{
		{Name: "Capacity", Value: func(v *corev1.PersistentVolume, _ time.Time) any {
			return quantityOf(v.Spec.Capacity, corev1.ResourceStorage)
		}},
		{Name: "Access Modes", Value: func(v *corev1.PersistentVolume, _ time.Time) any { return accessModes(v.Spec.AccessModes) }},
		{Name: "Reclaim Policy", Value: func(v *corev1.PersistentVolume, _ time.Time) any {
			return string(v.Spec.PersistentVolumeReclaimPolicy)
		}},
		{Name: "Status", Value: func(v *corev1.PersistentVolume, _ time.Time) any {
			return terminatingOr(v.DeletionTimestamp != nil, string(v.Status.Phase))
		}},
		{Name: "Claim", Value: func(v *corev1.PersistentVolume, _ time.Time) any {
			if ref := v.Spec.ClaimRef; ref != nil {
				return ref.Namespace + "/" + ref.Name
			}
			return ""
		}},
		{Name: "StorageClass", Value: func(v *corev1.PersistentVolume, _ time.Time) any {
			if class, ok := v.Annotations[corev1.BetaStorageClassAnnotation]; ok {
				return class
			}
			return v.Spec.StorageClassName
		}},
		{Name: "VolumeAttributesClass", Value: func(v *corev1.PersistentVolume, _ time.Time) any {
			return orUnset(v.Spec.VolumeAttributesClassName)
		}},
		{Name: "Reason", Value: func(v *corev1.PersistentVolume, _ time.Time) any { return v.Status.Reason }},
		kind.Age[*corev1.PersistentVolume](),
		{Name: "VolumeMode", Priority: 1, Value: func(v *corev1.PersistentVolume, _ time.Time) any {
			return orUnset(v.Spec.VolumeMode)
		}},
	},
	Fields: map[string]func(*corev1.PersistentVolume) string{
		// Field selectors have always accepted this older spelling of metadata.name.
		"name": func(v *corev1.PersistentVolume) string { return v.Name },
	},
}

func defaultPersistentVolume(v *corev1.PersistentVolume) {
	if v.Spec.PersistentVolumeReclaimPolicy == "" {
		v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	}
	if v.Spec.VolumeMode == nil {
		v.Spec.VolumeMode = ptr.To(corev1.PersistentVolumeFilesystem)
	}
	if path := v.Spec.HostPath; path != nil && path.Type == nil {
		path.Type = ptr.To(corev1.HostPathUnset)
	}
}

// accessModes abbreviates access modes, in the order that kubectl's users know.
func accessModes(modes []corev1.PersistentVolumeAccessMode) string {
	short := []struct {
		mode corev1.PersistentVolumeAccessMode
		name string
	}{
		{corev1.ReadWriteOnce, "RWO"}, {corev1.ReadOnlyMany, "ROX"},
		{corev1.ReadWriteMany, "RWX"}, {corev1.ReadWriteOncePod, "RWOP"},
	}
	var names []string
	for _, s := range short {
		if slices.Contains(modes, s.mode) {
			names = append(names, s.name)
		}
	}
	return strings.Join(names, ",")
}

func terminatingOr(terminating bool, phase string) string {
	if terminating {
		return "Terminating"
	}
	return phase
}

func quantityOf(list corev1.ResourceList, name corev1.ResourceName) string {
	quantity := list[name]
	return quantity.String()
}

func orUnset[T ~string](s *T) string {
	if s == nil {
		return "<unset>"
	}
	return string(*s)
}
