// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// kinds of objects that a pod can open to its node.
const (
	secret    = "secret"
	configMap = "configmap"
	claim     = "pvc"
	account   = "serviceaccount"
	resource  = "resourceclaim"
	self      = "pod"
)

type reference struct{ kind, name string }

// podReferences is all that is kept of a pod.
type podReferences struct {
	metav1.ObjectMeta
	node string
	refs []reference
}

// GetObjectKind implements runtime.Object; the kind is of no interest.
func (*podReferences) GetObjectKind() schema.ObjectKind { return schema.EmptyObjectKind }

// DeepCopyObject implements runtime.Object; nothing in it is ever changed.
func (p *podReferences) DeepCopyObject() runtime.Object { c := *p; return &c }

// cut turns a pod into its references; it is the transform of the informer and may see its own results again.
func cut(obj any) (any, error) {
	pod, ok := obj.(*corev1.Pod)
	if !ok {
		return obj, nil
	}
	return &podReferences{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion},
		node:       pod.Spec.NodeName,
		refs:       references(pod),
	}, nil
}

// references lists what the node of a pod needs to read in order to run it. A mirror pod gives nothing but itself: the
// node makes such pods, and must not be able to open objects to itself with them.
func references(pod *corev1.Pod) []reference {
	if pod.Spec.NodeName == "" {
		return nil
	}
	refs := map[reference]struct{}{{self, pod.Name}: {}}
	add := func(kind, name string) {
		if name != "" {
			refs[reference{kind, name}] = struct{}{}
		}
	}
	if _, mirror := pod.Annotations[corev1.MirrorPodAnnotationKey]; !mirror {
		add(account, pod.Spec.ServiceAccountName)
		for _, s := range pod.Spec.ImagePullSecrets {
			add(secret, s.Name)
		}
		for _, c := range pod.Spec.InitContainers {
			addEnvironment(add, c.Env, c.EnvFrom)
		}
		for _, c := range pod.Spec.Containers {
			addEnvironment(add, c.Env, c.EnvFrom)
		}
		for _, c := range pod.Spec.EphemeralContainers {
			addEnvironment(add, c.Env, c.EnvFrom)
		}
		for i := range pod.Spec.Volumes {
			addVolume(add, pod.Name, &pod.Spec.Volumes[i])
		}
		for _, c := range pod.Status.ResourceClaimStatuses {
			if c.ResourceClaimName != nil {
				add(resource, *c.ResourceClaimName)
			}
		}
		for _, c := range pod.Spec.ResourceClaims {
			if c.ResourceClaimName != nil {
				add(resource, *c.ResourceClaimName)
			}
		}
	}
	list := make([]reference, 0, len(refs))
	for r := range refs {
		list = append(list, r)
	}
	return list
}

func addEnvironment(add func(kind, name string), env []corev1.EnvVar, from []corev1.EnvFromSource) {
	for _, e := range env {
		if e.ValueFrom == nil {
			continue
		}
		if r := e.ValueFrom.SecretKeyRef; r != nil {
			add(secret, r.Name)
		}
		if r := e.ValueFrom.ConfigMapKeyRef; r != nil {
			add(configMap, r.Name)
		}
	}
	for _, e := range from {
		if e.SecretRef != nil {
			add(secret, e.SecretRef.Name)
		}
		if e.ConfigMapRef != nil {
			add(configMap, e.ConfigMapRef.Name)
		}
	}
}

func addVolume(add func(kind, name string), pod string, v *corev1.Volume) {
	local := func(r *corev1.LocalObjectReference) {
		if r != nil {
			add(secret, r.Name)
		}
	}
	switch {
	case v.Secret != nil:
		add(secret, v.Secret.SecretName)
	case v.ConfigMap != nil:
		add(configMap, v.ConfigMap.Name)
	case v.PersistentVolumeClaim != nil:
		add(claim, v.PersistentVolumeClaim.ClaimName)
	case v.Ephemeral != nil:
		add(claim, pod+"-"+v.Name)
	case v.Projected != nil:
		for _, s := range v.Projected.Sources {
			if s.Secret != nil {
				add(secret, s.Secret.Name)
			}
			if s.ConfigMap != nil {
				add(configMap, s.ConfigMap.Name)
			}
		}
	case v.CSI != nil:
		local(v.CSI.NodePublishSecretRef)
	case v.AzureFile != nil:
		add(secret, v.AzureFile.SecretName)
	case v.CephFS != nil:
		local(v.CephFS.SecretRef)
	case v.Cinder != nil:
		local(v.Cinder.SecretRef)
	case v.FlexVolume != nil:
		local(v.FlexVolume.SecretRef)
	case v.ISCSI != nil:
		local(v.ISCSI.SecretRef)
	case v.RBD != nil:
		local(v.RBD.SecretRef)
	case v.ScaleIO != nil:
		local(v.ScaleIO.SecretRef)
	case v.StorageOS != nil:
		local(v.StorageOS.SecretRef)
	}
}
