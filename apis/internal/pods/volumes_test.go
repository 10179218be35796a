// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"
)

func volume(source corev1.VolumeSource) func(*corev1.Pod) {
	return spec(func(s *corev1.PodSpec) { s.Volumes = []corev1.Volume{{Name: "v", VolumeSource: source}} })
}

func TestValidateVolumes(t *testing.T) {
	const at = "spec.volumes[0]"
	runValidation(t, []validationCase{
		{"no name", spec(func(s *corev1.PodSpec) { s.Volumes = []corev1.Volume{{}} }), []string{at + ".name: Required value"}},
		{"same name twice", spec(func(s *corev1.PodSpec) { s.Volumes = []corev1.Volume{{Name: "v"}, {Name: "v"}} }), []string{
			`spec.volumes[1].name: Duplicate value: "v"`}},
		{"two sources", volume(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}, HostPath: &corev1.HostPathVolumeSource{Path: "/"}}), []string{
			at + ".hostPath: Forbidden: may not specify more than 1 volume type"}},
		{"negative size", volume(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{SizeLimit: ptr.To(resource.MustParse("-1"))}}), []string{
			at + ".emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity"}},
		{"host path backwards", volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/a/../b", Type: ptr.To(corev1.HostPathType("Pipe"))}}), []string{
			at + `.hostPath.path: Invalid value: "/a/../b": must not contain '..'`,
			at + `.hostPath.type: Unsupported value: "Pipe": supported values: …`}},
		{"secret", volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{
			DefaultMode: ptr.To[int32](0o1000), Items: []corev1.KeyToPath{{Path: "/abs"}, {Key: "k", Path: "..data"}}}}), []string{
			at + ".secret.secretName: Required value",
			at + ".secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive",
			at + ".secret.items[0].key: Required value",
			at + `.secret.items[0].path: Invalid value: "/abs": must be a relative path`,
			at + `.secret.items[1].path: Invalid value: "..data": must not start with '..'`}},
		{"config map without a name", volume(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{}}), []string{
			at + ".configMap.name: Required value"}},
		{"claim without a name", volume(corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{}}), []string{
			at + ".persistentVolumeClaim.claimName: Required value"}},
		{"downward API", volume(corev1.VolumeSource{DownwardAPI: &corev1.DownwardAPIVolumeSource{Items: []corev1.DownwardAPIVolumeFile{
			{Path: "labels", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.labels"}},
			{Path: "ip", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}},
			{Path: "none"},
			{Path: "cpu", ResourceFieldRef: &corev1.ResourceFieldSelector{Resource: "limits.cpu"}},
		}}}), []string{
			at + `.downwardAPI.fieldRef.fieldPath: Unsupported value: "status.podIP": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"`,
			at + ".downwardAPI: Required value: one of fieldRef and resourceFieldRef is required",
			at + ".downwardAPI.resourceFieldRef.containerName: Required value"}},
		{"NFS", volume(corev1.VolumeSource{NFS: &corev1.NFSVolumeSource{Path: "rel"}}), []string{
			at + ".nfs.server: Required value", at + `.nfs.path: Invalid value: "rel": must be an absolute path`}},
		{"image without a reference", volume(corev1.VolumeSource{Image: &corev1.ImageVolumeSource{}}), []string{
			at + ".image.reference: Required value"}},
		{"driver without a name", volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{}}), []string{at + ".csi.driver: Required value"}},
		{"ephemeral claim", volume(corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{
			VolumeClaimTemplate: &corev1.PersistentVolumeClaimTemplate{}}}), []string{
			at + ".ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is required",
			at + ".ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value"}},
		{"deprecated ones too", volume(corev1.VolumeSource{GitRepo: &corev1.GitRepoVolumeSource{Directory: ".."}}), []string{
			at + ".gitRepo.repository: Required value", at + `.gitRepo.directory: Invalid value: "..": must not contain '..'`}},
	})
}

func TestValidateProjected(t *testing.T) {
	projected := func(sources ...corev1.VolumeProjection) func(*corev1.Pod) {
		return volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}})
	}
	const at = "spec.volumes[0].projected.sources[0]"
	token := func(seconds int64, path string) corev1.VolumeProjection {
		return corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{ExpirationSeconds: &seconds, Path: path}}
	}
	runValidation(t, []validationCase{
		{"what every pod gets", projected(token(3607, "token"),
			corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{
				LocalObjectReference: corev1.LocalObjectReference{Name: "kube-root-ca.crt"},
				Items:                []corev1.KeyToPath{{Key: "ca.crt", Path: "ca.crt"}}}},
			corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{Items: []corev1.DownwardAPIVolumeFile{
				{Path: "namespace", FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}}}}), nil},
		{"a short-lived token", projected(token(60, "token")), []string{
			at + ".serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify a duration less than 10 minutes"}},
		{"a token nowhere", projected(token(3600, "")), []string{at + ".serviceAccountToken.path: Required value"}},
		{"one path, two sources", projected(token(3600, "a"), token(3600, "./a")), []string{
			`spec.volumes[0].projected.sources[1].serviceAccountToken: Invalid value: "./a": conflicting duplicate paths`}},
		{"two sources in one", projected(corev1.VolumeProjection{
			Secret: &corev1.SecretProjection{LocalObjectReference: corev1.LocalObjectReference{Name: "s"}}, DownwardAPI: &corev1.DownwardAPIProjection{}}), []string{
			at + ".downwardAPI: Forbidden: may not specify more than 1 volume type per source"}},
		{"a trust bundle of nobody", projected(corev1.VolumeProjection{ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{Path: "p"}}), []string{
			at + ".clusterTrustBundle: Required value: either name or signerName must be specified"}},
		{"a certificate", projected(corev1.VolumeProjection{PodCertificate: &corev1.PodCertificateProjection{
			SignerName: "example.com/signer", KeyType: "ROT13"}}), []string{
			at + `.podCertificate.keyType: Unsupported value: "ROT13": supported values: …`,
			at + ".podCertificate: Required value: specify at least one of credentialBundlePath, keyPath, and certificateChainPath"}},
	})
}

func TestValidateMounts(t *testing.T) {
	mount := func(mounts ...corev1.VolumeMount) func(*corev1.Pod) {
		return spec(func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{{Name: "v"}}
			s.Containers[0].VolumeMounts = mounts
		})
	}
	const at = "spec.containers[0].volumeMounts[0]"
	runValidation(t, []validationCase{
		{"valid", mount(corev1.VolumeMount{Name: "v", MountPath: "/a"}, corev1.VolumeMount{Name: "v", MountPath: "/b", SubPath: "x"}), nil},
		{"unknown volume", mount(corev1.VolumeMount{Name: "w", MountPath: "/a"}), []string{at + `.name: Not found: "w"`}},
		{"nowhere", mount(corev1.VolumeMount{Name: "v"}), []string{at + ".mountPath: Required value"}},
		{"same place twice", mount(corev1.VolumeMount{Name: "v", MountPath: "/a"}, corev1.VolumeMount{Name: "v", MountPath: "/a"}), []string{
			`spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/a": must be unique`}},
		{"sub path outwards", mount(corev1.VolumeMount{Name: "v", MountPath: "/a", SubPath: "../x"}), []string{
			at + `.subPath: Invalid value: "../x": must not contain '..'`}},
		{"both sub paths", mount(corev1.VolumeMount{Name: "v", MountPath: "/a", SubPath: "x", SubPathExpr: "$(Y)"}), []string{
			at + `.subPathExpr: Invalid value: "$(Y)": subPathExpr and subPath are mutually exclusive`}},
		{"both directions without privilege", mount(corev1.VolumeMount{Name: "v", MountPath: "/a", MountPropagation: ptr.To(corev1.MountPropagationBidirectional)}), []string{
			at + ".mountPropagation: Forbidden: Bidirectional mount propagation is available only to privileged containers"}},
		{"recursive read-only of a writable mount", mount(corev1.VolumeMount{Name: "v", MountPath: "/a", RecursiveReadOnly: ptr.To(corev1.RecursiveReadOnlyEnabled)}), []string{
			at + ".recursiveReadOnly: Forbidden: may only be specified when readOnly is true"}},
		{"device of a file system", spec(func(s *corev1.PodSpec) {
			s.Volumes = []corev1.Volume{{Name: "v"}}
			s.Containers[0].VolumeDevices = []corev1.VolumeDevice{{Name: "v", DevicePath: "/dev/x"}}
		}), []string{`spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode`}},
	})
}
