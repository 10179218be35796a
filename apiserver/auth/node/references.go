// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"slices"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The resources whose objects the graph opens to the node of a pod that refers to them.
var (
	secrets         = corev1.Resource("secrets")
	configMaps      = corev1.Resource("configmaps")
	claims          = corev1.Resource("persistentvolumeclaims")
	serviceAccounts = corev1.Resource("serviceaccounts")
	resourceClaims  = resourcev1.Resource("resourceclaims")
)

// Reference is a field of a pod that makes its node use another object of the API.
type Reference struct {
	Resource schema.GroupResource
	// Name is the object's name; the namespace is the pod's. It is empty where the field does not name the object itself,
	// as a projected ClusterTrustBundle of a signer.
	Name string
	// Field is where the pod says so.
	Field *field.Path
}

// References lists all that a pod refers to, whether or not it is a mirror pod. It is the one list of such fields: the
// graph opens what is in it to the pod's node, and NodeRestriction refuses mirror pods for which it is not empty, so a
// field that one of them forgets is forgotten by neither. Classes (runtime, priority) are not in it: every node may read
// them, and static pods use them.
func References(pod *corev1.Pod) []Reference {
	c := collector{pod: pod}
	c.spec(&pod.Spec, field.NewPath("spec"))
	c.status(&pod.Status, field.NewPath("status"))
	return c.found
}

type collector struct {
	pod   *corev1.Pod
	found []Reference
}

func (c *collector) add(resource schema.GroupResource, name string, at *field.Path) {
	c.found = append(c.found, Reference{resource, name, at})
}

// named leaves out fields that are there and empty, which the API allows in places and which name nothing.
func (c *collector) named(resource schema.GroupResource, name string, at *field.Path) {
	if name != "" {
		c.add(resource, name, at)
	}
}

func (c *collector) secret(ref *corev1.LocalObjectReference, at *field.Path) {
	if ref != nil {
		c.named(secrets, ref.Name, at)
	}
}

func (c *collector) spec(spec *corev1.PodSpec, path *field.Path) {
	c.named(serviceAccounts, spec.ServiceAccountName, path.Child("serviceAccountName"))
	if spec.DeprecatedServiceAccount != spec.ServiceAccountName {
		c.named(serviceAccounts, spec.DeprecatedServiceAccount, path.Child("serviceAccount"))
	}
	for i := range spec.ImagePullSecrets {
		c.secret(&spec.ImagePullSecrets[i], path.Child("imagePullSecrets").Index(i))
	}
	for i := range spec.InitContainers {
		c.environment(spec.InitContainers[i].Env, spec.InitContainers[i].EnvFrom, path.Child("initContainers").Index(i))
	}
	for i := range spec.Containers {
		c.environment(spec.Containers[i].Env, spec.Containers[i].EnvFrom, path.Child("containers").Index(i))
	}
	for i := range spec.EphemeralContainers {
		c.environment(spec.EphemeralContainers[i].Env, spec.EphemeralContainers[i].EnvFrom, path.Child("ephemeralContainers").Index(i))
	}
	for i := range spec.Volumes {
		c.volume(&spec.Volumes[i], path.Child("volumes").Index(i))
	}
	for i := range spec.ResourceClaims {
		c.resourceClaim(&spec.ResourceClaims[i], path.Child("resourceClaims").Index(i))
	}
}

func (c *collector) environment(env []corev1.EnvVar, from []corev1.EnvFromSource, path *field.Path) {
	for i := range env {
		source := env[i].ValueFrom
		if source == nil {
			continue
		}
		at := path.Child("env").Index(i).Child("valueFrom")
		if source.SecretKeyRef != nil {
			c.named(secrets, source.SecretKeyRef.Name, at.Child("secretKeyRef"))
		}
		if source.ConfigMapKeyRef != nil {
			c.named(configMaps, source.ConfigMapKeyRef.Name, at.Child("configMapKeyRef"))
		}
	}
	for i := range from {
		at := path.Child("envFrom").Index(i)
		if from[i].SecretRef != nil {
			c.named(secrets, from[i].SecretRef.Name, at.Child("secretRef"))
		}
		if from[i].ConfigMapRef != nil {
			c.named(configMaps, from[i].ConfigMapRef.Name, at.Child("configMapRef"))
		}
	}
}

// volume looks at every source: that there is only one is not checked yet when admission asks.
func (c *collector) volume(v *corev1.Volume, path *field.Path) {
	if v.Secret != nil {
		c.add(secrets, v.Secret.SecretName, path.Child("secret"))
	}
	if v.ConfigMap != nil {
		c.add(configMaps, v.ConfigMap.Name, path.Child("configMap"))
	}
	if v.PersistentVolumeClaim != nil {
		c.add(claims, v.PersistentVolumeClaim.ClaimName, path.Child("persistentVolumeClaim"))
	}
	if v.Ephemeral != nil {
		c.add(claims, c.pod.Name+"-"+v.Name, path.Child("ephemeral"))
	}
	if v.Projected != nil {
		for i := range v.Projected.Sources {
			c.projection(&v.Projected.Sources[i], path.Child("projected", "sources").Index(i))
		}
	}
	if v.CSI != nil {
		c.add(storagev1.Resource("csidrivers"), v.CSI.Driver, path.Child("csi", "driver"))
		c.secret(v.CSI.NodePublishSecretRef, path.Child("csi", "nodePublishSecretRef"))
	}
	if v.Glusterfs != nil {
		c.add(corev1.Resource("endpoints"), v.Glusterfs.EndpointsName, path.Child("glusterfs"))
	}
	if v.AzureFile != nil {
		c.add(secrets, v.AzureFile.SecretName, path.Child("azureFile"))
	}
	if v.CephFS != nil {
		c.secret(v.CephFS.SecretRef, path.Child("cephfs", "secretRef"))
	}
	if v.Cinder != nil {
		c.secret(v.Cinder.SecretRef, path.Child("cinder", "secretRef"))
	}
	if v.FlexVolume != nil {
		c.secret(v.FlexVolume.SecretRef, path.Child("flexVolume", "secretRef"))
	}
	if v.ISCSI != nil {
		c.secret(v.ISCSI.SecretRef, path.Child("iscsi", "secretRef"))
	}
	if v.RBD != nil {
		c.secret(v.RBD.SecretRef, path.Child("rbd", "secretRef"))
	}
	if v.ScaleIO != nil {
		c.secret(v.ScaleIO.SecretRef, path.Child("scaleIO", "secretRef"))
	}
	if v.StorageOS != nil {
		c.secret(v.StorageOS.SecretRef, path.Child("storageos", "secretRef"))
	}
}

func (c *collector) projection(s *corev1.VolumeProjection, path *field.Path) {
	if s.Secret != nil {
		c.add(secrets, s.Secret.Name, path.Child("secret"))
	}
	if s.ConfigMap != nil {
		c.add(configMaps, s.ConfigMap.Name, path.Child("configMap"))
	}
	if s.ServiceAccountToken != nil {
		c.add(serviceAccounts, c.pod.Spec.ServiceAccountName, path.Child("serviceAccountToken"))
	}
	if s.ClusterTrustBundle != nil {
		name := ""
		if s.ClusterTrustBundle.Name != nil {
			name = *s.ClusterTrustBundle.Name
		}
		c.add(certificatesv1.Resource("clustertrustbundles"), name, path.Child("clusterTrustBundle"))
	}
	if s.PodCertificate != nil {
		c.add(certificatesv1.Resource("podcertificaterequests"), "", path.Child("podCertificate"))
	}
}

func (c *collector) resourceClaim(claim *corev1.PodResourceClaim, path *field.Path) {
	switch {
	case claim.ResourceClaimName != nil:
		c.add(resourceClaims, *claim.ResourceClaimName, path.Child("resourceClaimName"))
	case claim.ResourceClaimTemplateName != nil:
		c.add(resourcev1.Resource("resourceclaimtemplates"), *claim.ResourceClaimTemplateName, path.Child("resourceClaimTemplateName"))
	default: // of a kind of claim that came after us
		c.add(resourceClaims, "", path)
	}
}

// status names the claims that were made for the pod from templates and for its extended resources. A status of a claim
// that the pod does not ask for counts for nothing.
func (c *collector) status(status *corev1.PodStatus, path *field.Path) {
	for i := range status.ResourceClaimStatuses {
		made := &status.ResourceClaimStatuses[i]
		asked := slices.ContainsFunc(c.pod.Spec.ResourceClaims, func(claim corev1.PodResourceClaim) bool {
			return claim.Name == made.Name && claim.ResourceClaimTemplateName != nil
		})
		if asked && made.ResourceClaimName != nil {
			c.add(resourceClaims, *made.ResourceClaimName, path.Child("resourceClaimStatuses").Index(i))
		}
	}
	if extended := status.ExtendedResourceClaimStatus; extended != nil {
		c.named(resourceClaims, extended.ResourceClaimName, path.Child("extendedResourceClaimStatus"))
	}
}
