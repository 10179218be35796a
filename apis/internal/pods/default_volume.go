// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import corev1 "k8s.io/api/core/v1"

const (
	defaultFileMode                 int32 = 0o644
	defaultTokenExpirationSeconds   int64 = 60 * 60
	defaultCertificateExpireSeconds int32 = 24 * 60 * 60
)

func defaultVolume(volume *corev1.Volume) {
	v := &volume.VolumeSource
	if *v == (corev1.VolumeSource{}) {
		v.EmptyDir = &corev1.EmptyDirVolumeSource{}
	}
	switch {
	case v.HostPath != nil:
		setIfNil(&v.HostPath.Type, corev1.HostPathUnset)
	case v.Secret != nil:
		setIfNil(&v.Secret.DefaultMode, defaultFileMode)
	case v.ConfigMap != nil:
		setIfNil(&v.ConfigMap.DefaultMode, defaultFileMode)
	case v.DownwardAPI != nil:
		setIfNil(&v.DownwardAPI.DefaultMode, defaultFileMode)
		defaultDownwardItems(v.DownwardAPI.Items)
	case v.Projected != nil:
		defaultProjected(v.Projected)
	case v.Ephemeral != nil:
		if template := v.Ephemeral.VolumeClaimTemplate; template != nil {
			setIfNil(&template.Spec.VolumeMode, corev1.PersistentVolumeFilesystem)
			roundUp(template.Spec.Resources.Limits)
			roundUp(template.Spec.Resources.Requests)
		}
	case v.Image != nil:
		setIfZero(&v.Image.PullPolicy, pullPolicyOf(v.Image.Reference))
	case v.ISCSI != nil:
		setIfZero(&v.ISCSI.ISCSIInterface, "default")
	case v.RBD != nil:
		setIfZero(&v.RBD.RBDPool, "rbd")
		setIfZero(&v.RBD.RadosUser, "admin")
		setIfZero(&v.RBD.Keyring, "/etc/ceph/keyring")
	case v.AzureDisk != nil:
		setIfNil(&v.AzureDisk.CachingMode, corev1.AzureDataDiskCachingReadWrite)
		setIfNil(&v.AzureDisk.Kind, corev1.AzureSharedBlobDisk)
		setIfNil(&v.AzureDisk.FSType, "ext4")
		setIfNil(&v.AzureDisk.ReadOnly, false)
	case v.ScaleIO != nil:
		setIfZero(&v.ScaleIO.StorageMode, "ThinProvisioned")
		setIfZero(&v.ScaleIO.FSType, "xfs")
	}
}

func defaultProjected(projected *corev1.ProjectedVolumeSource) {
	setIfNil(&projected.DefaultMode, defaultFileMode)
	for i := range projected.Sources {
		source := &projected.Sources[i]
		if source.DownwardAPI != nil {
			defaultDownwardItems(source.DownwardAPI.Items)
		}
		if source.ServiceAccountToken != nil {
			setIfNil(&source.ServiceAccountToken.ExpirationSeconds, defaultTokenExpirationSeconds)
		}
		if source.PodCertificate != nil {
			setIfNil(&source.PodCertificate.MaxExpirationSeconds, defaultCertificateExpireSeconds)
		}
	}
}

func defaultDownwardItems(items []corev1.DownwardAPIVolumeFile) {
	for i := range items {
		if items[i].FieldRef != nil {
			setIfZero(&items[i].FieldRef.APIVersion, "v1")
		}
	}
}
