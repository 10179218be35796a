// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// dropAlpha forgets fields whose features are off in Kubernetes 1.37 unless asked for. Storing them would promise what
// nobody keeps.
func dropAlpha(spec *corev1.PodSpec) {
	spec.EvictionResponders = nil
	for i := range spec.Volumes {
		dropAlphaOfVolume(&spec.Volumes[i].VolumeSource)
	}
	EachContainer(spec, nil, func(c *corev1.Container, _ Role, _ *field.Path) {
		for i := range c.VolumeMounts {
			c.VolumeMounts[i].BindMountOptions = nil
		}
		for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
			if probe != nil && probe.HTTPGet != nil {
				probe.HTTPGet.Protocol = nil
			}
			if probe != nil && probe.GRPC != nil {
				probe.GRPC.Mode = nil
			}
		}
	})
}

func dropAlphaOfVolume(v *corev1.VolumeSource) {
	items := func(items []corev1.KeyToPath) {
		for i := range items {
			items[i].User = nil
		}
	}
	files := func(files []corev1.DownwardAPIVolumeFile) {
		for i := range files {
			files[i].User = nil
		}
	}
	switch {
	case v.EmptyDir != nil:
		v.EmptyDir.Mode = nil
	case v.Secret != nil:
		v.Secret.DefaultUser = nil
		items(v.Secret.Items)
	case v.ConfigMap != nil:
		v.ConfigMap.DefaultUser = nil
		items(v.ConfigMap.Items)
	case v.DownwardAPI != nil:
		v.DownwardAPI.DefaultUser = nil
		files(v.DownwardAPI.Items)
	case v.Projected != nil:
		v.Projected.DefaultUser = nil
		for i := range v.Projected.Sources {
			s := &v.Projected.Sources[i]
			if s.Secret != nil {
				items(s.Secret.Items)
			}
			if s.ConfigMap != nil {
				items(s.ConfigMap.Items)
			}
			if s.DownwardAPI != nil {
				files(s.DownwardAPI.Items)
			}
			if s.ServiceAccountToken != nil {
				s.ServiceAccountToken.User = nil
			}
			if s.ClusterTrustBundle != nil {
				s.ClusterTrustBundle.User = nil
			}
			if s.PodCertificate != nil {
				s.PodCertificate.User = nil
			}
		}
	}
}
