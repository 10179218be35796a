// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package objects

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

// Kind of an object that pods refer to.
type Kind string

const (
	ConfigMap Kind = "configmaps"
	Secret    Kind = "secrets"
)

// Reference names one object.
type Reference struct {
	Kind Kind
	types.NamespacedName
}

// References returns everything that a pod refers to.
func References(pod *corev1.Pod) map[Reference]bool {
	all := map[Reference]bool{}
	add := func(kind Kind, name string) {
		if name != "" {
			all[Reference{kind, types.NamespacedName{Namespace: pod.Namespace, Name: name}}] = true
		}
	}
	containers := func(c *corev1.Container) {
		for _, from := range c.EnvFrom {
			if from.ConfigMapRef != nil {
				add(ConfigMap, from.ConfigMapRef.Name)
			}
			if from.SecretRef != nil {
				add(Secret, from.SecretRef.Name)
			}
		}
		for _, v := range c.Env {
			if v.ValueFrom == nil {
				continue
			}
			if ref := v.ValueFrom.ConfigMapKeyRef; ref != nil {
				add(ConfigMap, ref.Name)
			}
			if ref := v.ValueFrom.SecretKeyRef; ref != nil {
				add(Secret, ref.Name)
			}
		}
	}
	for i := range pod.Spec.InitContainers {
		containers(&pod.Spec.InitContainers[i])
	}
	for i := range pod.Spec.Containers {
		containers(&pod.Spec.Containers[i])
	}
	for i := range pod.Spec.EphemeralContainers {
		c := corev1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		containers(&c)
	}
	for _, secret := range pod.Spec.ImagePullSecrets {
		add(Secret, secret.Name)
	}
	for i := range pod.Spec.Volumes {
		v := &pod.Spec.Volumes[i]
		if v.ConfigMap != nil {
			add(ConfigMap, v.ConfigMap.Name)
		}
		if v.Secret != nil {
			add(Secret, v.Secret.SecretName)
		}
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.ConfigMap != nil {
				add(ConfigMap, source.ConfigMap.Name)
			}
			if source.Secret != nil {
				add(Secret, source.Secret.Name)
			}
		}
	}
	return all
}
