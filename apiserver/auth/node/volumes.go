// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import corev1 "k8s.io/api/core/v1"

// nodeSecrets lists the secrets that a node needs in order to mount a volume. Those that only the controllers of its
// driver need (controllerPublishSecretRef, controllerExpandSecretRef) are not among them. References without a namespace
// mean that of the claim which the volume is bound to.
func nodeSecrets(volume *corev1.PersistentVolume) []corev1.SecretReference {
	own := ""
	if volume.Spec.ClaimRef != nil {
		own = volume.Spec.ClaimRef.Namespace
	}
	var found []corev1.SecretReference
	add := func(refs ...*corev1.SecretReference) {
		for _, ref := range refs {
			if ref == nil || ref.Name == "" {
				continue
			}
			namespace := ref.Namespace
			if namespace == "" {
				namespace = own
			}
			found = append(found, corev1.SecretReference{Namespace: namespace, Name: ref.Name})
		}
	}
	source := &volume.Spec.PersistentVolumeSource
	switch {
	case source.CSI != nil:
		add(source.CSI.NodePublishSecretRef, source.CSI.NodeStageSecretRef, source.CSI.NodeExpandSecretRef)
	case source.AzureFile != nil:
		namespace := ""
		if source.AzureFile.SecretNamespace != nil {
			namespace = *source.AzureFile.SecretNamespace
		}
		add(&corev1.SecretReference{Namespace: namespace, Name: source.AzureFile.SecretName})
	case source.CephFS != nil:
		add(source.CephFS.SecretRef)
	case source.Cinder != nil:
		add(source.Cinder.SecretRef)
	case source.FlexVolume != nil:
		add(source.FlexVolume.SecretRef)
	case source.ISCSI != nil:
		add(source.ISCSI.SecretRef)
	case source.RBD != nil:
		add(source.RBD.SecretRef)
	case source.ScaleIO != nil:
		add(source.ScaleIO.SecretRef)
	case source.StorageOS != nil:
		if ref := source.StorageOS.SecretRef; ref != nil {
			add(&corev1.SecretReference{Namespace: ref.Namespace, Name: ref.Name})
		}
	}
	return found
}
