// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/utils/ptr"
)

// web is a pod on n1 with volumes of many kinds.
func web() *corev1.Pod {
	projected := func(sources ...corev1.VolumeProjection) corev1.VolumeSource {
		return corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: sources}}
	}
	claimed := func(name string) corev1.VolumeSource {
		return corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: name}}
	}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "shop", Name: "web", UID: "uid-web", Labels: map[string]string{"app": "web"}, Annotations: map[string]string{"note": "x"},
			Finalizers: []string{"example.com/stay"}, OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "web", UID: "rs"}},
			GenerateName: "web-", CreationTimestamp: metav1.NewTime(time.Unix(1e9, 0)), ResourceVersion: "7",
		},
		Spec: corev1.PodSpec{
			NodeName: "n1", ServiceAccountName: "robot",
			Volumes: []corev1.Volume{
				{Name: "t", VolumeSource: projected(corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: "vault"}})},
				{Name: "c", VolumeSource: projected(corev1.VolumeProjection{PodCertificate: &corev1.PodCertificateProjection{SignerName: "example.com/s"}})},
				{Name: "i", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "inline.example.com"}}},
				{Name: "d", VolumeSource: claimed("disk")},
				{Name: "m", VolumeSource: claimed("migrated")},
				{Name: "e", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
				{Name: "a", VolumeSource: corev1.VolumeSource{AWSElasticBlockStore: &corev1.AWSElasticBlockStoreVolumeSource{}}},
			},
		},
		Status: corev1.PodStatus{NominatedNodeName: "n1", ResourceClaimStatuses: []corev1.PodResourceClaimStatus{{Name: "gpu", ResourceClaimName: ptr.To("web-gpu")}}},
	}
}

func driver(audience string) *storagev1.CSIDriver {
	return &storagev1.CSIDriver{Spec: storagev1.CSIDriverSpec{TokenRequests: []storagev1.TokenRequest{{Audience: audience}}}}
}

func boundClaim(volume string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{VolumeName: volume}}
}

func objects() stored {
	plain, mirror, foreign := web(), web(), web()
	plain.Name, plain.UID, plain.Spec.Volumes = "plain", "uid-plain", nil
	mirror.Name, mirror.UID, mirror.Annotations = "static-n1", "uid-static-n1", map[string]string{corev1.MirrorPodAnnotationKey: "x"}
	foreign.Name, foreign.UID, foreign.Spec.NodeName = "foreign", "uid-foreign", "n2"
	unbound := web()
	unbound.Name, unbound.UID, unbound.Spec.NodeName = "unbound", "uid-unbound", ""
	broken := web()
	broken.Name, broken.UID = "broken", "uid-broken"
	broken.Spec.Volumes = []corev1.Volume{{Name: "d", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "gone"}}}}
	onDriver := func(name string) *corev1.PersistentVolume {
		return &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{
			CSI: &corev1.CSIPersistentVolumeSource{Driver: name}}}}
	}
	gce := &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{PersistentVolumeSource: corev1.PersistentVolumeSource{
		GCEPersistentDisk: &corev1.GCEPersistentDiskVolumeSource{}}}}
	return stored{
		"pods/shop/web": web(), "pods/shop/plain": plain, "pods/shop/static-n1": mirror, "pods/shop/foreign": foreign, "pods/shop/unbound": unbound,
		"pods/shop/broken":                     broken,
		"nodes//n1":                            nodeOf("n1", func(n *corev1.Node) { n.UID = "uid-n1" }),
		"serviceaccounts/shop/robot":           &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "robot", UID: "uid-robot"}},
		"persistentvolumeclaims/shop/disk":     boundClaim("pv-disk"),
		"persistentvolumeclaims/shop/migrated": boundClaim("pv-gce"),
		"persistentvolumeclaims/shop/web-e":    boundClaim("pv-ephemeral"),
		"persistentvolumes//pv-disk":           onDriver("disk.example.com"),
		"persistentvolumes//pv-ephemeral":      onDriver("ephemeral.example.com"),
		"persistentvolumes//pv-gce":            gce,
		"csidrivers//inline.example.com":       driver("inline"),
		"csidrivers//disk.example.com":         driver("disk"),
		"csidrivers//ephemeral.example.com":    driver("ephemeral"),
		"csidrivers//pd.csi.storage.gke.io":    driver("gce"),
		"csidrivers//ebs.csi.aws.com":          driver("aws"),
		"csidrivers//elsewhere.example.com":    driver("elsewhere"),
	}
}

func mirrorPod(change func(*corev1.Pod)) *corev1.Pod {
	m := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "kube-system", Name: "static-n1", Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "x"},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n1", UID: "uid-n1", Controller: ptr.To(true)}},
		},
		Spec: corev1.PodSpec{NodeName: "n1", PriorityClassName: "system-node-critical", Containers: []corev1.Container{{Name: "c", Image: "x"}}},
	}
	if change != nil {
		change(m)
	}
	return m
}

func podExamples() []example {
	delete := func(name string) admission.Attributes { return on(n1, admission.Delete, pods, "shop/"+name, nil, nil) }
	evict := func(path, name string) admission.Attributes {
		return on(n1, admission.Create, pods, path, &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: name}}, nil)
	}
	return []example{
		{"N6", "deleting its pod", delete("web"), "", ""},
		{"N6", "and its mirror pod", delete("static-n1"), "", ""},
		{"N6", "deleting another's", delete("foreign"), "can only delete pods with spec.nodeName set to itself", ""},
		{"N6", "deleting a pod of no node", delete("unbound"), "can only delete pods with spec.nodeName set to itself", ""},
		{"N6", "deleting what is not there", delete("gone"), "not found", metav1.StatusReasonNotFound},
		{"N6", "deleting one that has become another's", on(n1, admission.Delete, pods, "shop/web", nil, func() runtime.Object {
			p := web()
			p.Spec.NodeName = "n2"
			return p
		}()), "can only delete pods with spec.nodeName set to itself", ""},
		{"N6", "changing its pod", on(n1, admission.Update, pods, "shop/web", web(), web()), `node "n1" can only create and delete mirror pods`, ""},
		{"N10", "evicting its pod", evict("shop/web#eviction", "web"), "", ""},
		{"N10", "named in the body", evict("shop/#eviction", "web"), "", ""},
		{"N10", "evicting another's", evict("shop/foreign#eviction", "web"), "can only evict pods with spec.nodeName set to itself", ""},
		{"N10", "named in the body", evict("shop/#eviction", "foreign"), "can only evict pods with spec.nodeName set to itself", ""},
		{"N10", "named nowhere", evict("shop/#eviction", ""), "could not determine pod from request data", ""},
		{"N10", "that is not there", evict("shop/gone#eviction", "gone"), "not found", metav1.StatusReasonNotFound},
		{"N10", "changing an eviction", on(n1, admission.Update, pods, "shop/web#eviction", &policyv1.Eviction{}, &policyv1.Eviction{}), "unexpected operation", ""},
		{"N11", "the status is for nodes", on(n1, admission.Update, pods, "shop/web#status", web(), web()), "", ""},
		{"N11", "binding", on(n1, admission.Create, pods, "shop/web#binding", &corev1.Binding{}, nil), "unexpected pod subresource", ""},
		{"N11", "ephemeral containers", on(n1, admission.Update, pods, "shop/web#ephemeralcontainers", web(), web()), "unexpected pod subresource", ""},
		{"N11", "resizing", on(n1, admission.Update, pods, "shop/web#resize", web(), web()), "unexpected pod subresource", ""},
	}
}

func TestPods(t *testing.T) { check(t, objects(), grants("", "", ""), podExamples()) }

func mirrorExamples() []example {
	create := func(change func(*corev1.Pod)) admission.Attributes {
		return on(n1, admission.Create, pods, "kube-system/", mirrorPod(change), nil)
	}
	owner := func(change func(*metav1.OwnerReference)) admission.Attributes {
		return create(func(p *corev1.Pod) { change(&p.OwnerReferences[0]) })
	}
	local := corev1.LocalObjectReference{Name: "crown"}
	env := func(source corev1.EnvVarSource) corev1.Container {
		return corev1.Container{Env: []corev1.EnvVar{{Name: "A", ValueFrom: &source}}}
	}
	from := func(source corev1.EnvFromSource) corev1.Container {
		return corev1.Container{EnvFrom: []corev1.EnvFromSource{source}}
	}
	main := func(c corev1.Container) admission.Attributes {
		return create(func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, c) })
	}
	initial := func(c corev1.Container) admission.Attributes {
		return create(func(p *corev1.Pod) { p.Spec.InitContainers = []corev1.Container{c} })
	}
	ephemeral := func(c corev1.Container) admission.Attributes {
		return create(func(p *corev1.Pod) {
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon(c)}}
		})
	}
	volume := func(v corev1.VolumeSource) admission.Attributes {
		return create(func(p *corev1.Pod) { p.Spec.Volumes = []corev1.Volume{{Name: "v", VolumeSource: v}} })
	}
	projected := func(s corev1.VolumeProjection) admission.Attributes {
		return volume(corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{{DownwardAPI: &corev1.DownwardAPIProjection{}}, s}}})
	}
	secretKey, configKey := corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local}},
		corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: local}}
	allSecret, allConfig := corev1.EnvFromSource{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local}},
		corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: local}}
	const secret, config, account = "can not create pods that reference secrets", "can not create pods that reference configmaps",
		"can not create pods that reference serviceaccounts"
	const itself = "can only create pods with an owner reference set to itself"
	return []example{
		{"N2", "its mirror pod", create(nil), "", ""},
		{"N2", "whose annotation is empty", create(func(p *corev1.Pod) { p.Annotations[corev1.MirrorPodAnnotationKey] = "" }), "", ""},
		{"N2", "a pod that is no mirror", create(func(p *corev1.Pod) { p.Annotations = nil }), `node "n1" can only create mirror pods`, ""},
		{"N2", "an annotation that looks like it", create(func(p *corev1.Pod) { p.Annotations = map[string]string{"kubernetes.io/Config.mirror": "x"} }), "can only create mirror pods", ""},
		{"N2", "another object", on(n1, admission.Create, pods, "kube-system/", &corev1.Service{}, nil), "unexpected type *v1.Service", ""},
		{"N3", "on itself", create(nil), "", ""},
		{"N3", "on another node", create(func(p *corev1.Pod) { p.Spec.NodeName = "n2" }), "can only create pods with spec.nodeName set to itself", ""},
		{"N3", "on no node", create(func(p *corev1.Pod) { p.Spec.NodeName = "" }), "can only create pods with spec.nodeName set to itself", ""},
		{"N4", "that does not block", owner(func(o *metav1.OwnerReference) { o.BlockOwnerDeletion = ptr.To(false) }), "", ""},
		{"N4", "without owner", create(func(p *corev1.Pod) { p.OwnerReferences = nil }), itself, ""},
		{"N4", "with two", create(func(p *corev1.Pod) { p.OwnerReferences = append(p.OwnerReferences, p.OwnerReferences[0]) }), "with a single owner reference set to itself", ""},
		{"N4", "of another node", owner(func(o *metav1.OwnerReference) { o.Name = "n2" }), itself, ""},
		{"N4", "of another kind", owner(func(o *metav1.OwnerReference) { o.Kind = "Pod" }), itself, ""},
		{"N4", "of another version", owner(func(o *metav1.OwnerReference) { o.APIVersion = "v2" }), itself, ""},
		{"N4", "that does not say whether it controls", owner(func(o *metav1.OwnerReference) { o.Controller = nil }), "with a controller owner reference set to itself", ""},
		{"N4", "that does not control", owner(func(o *metav1.OwnerReference) { o.Controller = ptr.To(false) }), "with a controller owner reference set to itself", ""},
		{"N4", "that blocks", owner(func(o *metav1.OwnerReference) { o.BlockOwnerDeletion = ptr.To(true) }), "must not set blockOwnerDeletion on an owner reference", ""},
		{"N4", "an earlier node of the name", owner(func(o *metav1.OwnerReference) { o.UID = "old" }), "node n1 UID mismatch: expected old got uid-n1", ""},
		{"N4", "before it is registered", on(nodeUser("n9"), admission.Create, pods, "kube-system/", mirrorPod(func(p *corev1.Pod) {
			p.Spec.NodeName, p.OwnerReferences[0].Name = "n9", "n9"
		}), nil), "not found", metav1.StatusReasonNotFound},
		{"N5", "files of the node", volume(corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}), "", ""},
		{"N5", "disks by themselves", volume(corev1.VolumeSource{ISCSI: &corev1.ISCSIVolumeSource{}}), "", ""},
		{"N5", "what it knows of itself", projected(corev1.VolumeProjection{DownwardAPI: &corev1.DownwardAPIProjection{}}), "", ""},
		{"N5", "variables by value", main(corev1.Container{Env: []corev1.EnvVar{{Name: "A", Value: "b"}}}), "", ""},
		{"N5", "variables by field", main(env(corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}})), "", ""},
		{"N5", "a secret in a variable", main(env(secretKey)), secret + " (spec.containers[1].env[0].valueFrom.secretKeyRef)", ""},
		{"N5", "in all variables", main(from(allSecret)), secret, ""},
		{"N5", "in a variable of an init container", initial(env(secretKey)), secret, ""},
		{"N5", "in all of them", initial(from(allSecret)), secret, ""},
		{"N5", "in a variable of an ephemeral container", ephemeral(env(secretKey)), secret, ""},
		{"N5", "in all of them", ephemeral(from(allSecret)), secret, ""},
		{"N5", "to pull images", create(func(p *corev1.Pod) { p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{local} }), secret, ""},
		{"N5", "a secret volume", volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "crown"}}), secret, ""},
		{"N5", "without a name", volume(corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{}}), secret, ""},
		{"N5", "a second source behind another", volume(corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}, Secret: &corev1.SecretVolumeSource{SecretName: "crown"}}), secret, ""},
		{"N5", "a projected secret", projected(corev1.VolumeProjection{Secret: &corev1.SecretProjection{LocalObjectReference: local}}), secret, ""},
		{"N5", "of azureFile", volume(corev1.VolumeSource{AzureFile: &corev1.AzureFileVolumeSource{SecretName: "crown"}}), secret, ""},
		{"N5", "of cephfs", volume(corev1.VolumeSource{CephFS: &corev1.CephFSVolumeSource{SecretRef: &local}}), secret, ""},
		{"N5", "of cinder", volume(corev1.VolumeSource{Cinder: &corev1.CinderVolumeSource{SecretRef: &local}}), secret, ""},
		{"N5", "of flexVolume", volume(corev1.VolumeSource{FlexVolume: &corev1.FlexVolumeSource{SecretRef: &local}}), secret, ""},
		{"N5", "of iscsi", volume(corev1.VolumeSource{ISCSI: &corev1.ISCSIVolumeSource{SecretRef: &local}}), secret, ""},
		{"N5", "of rbd", volume(corev1.VolumeSource{RBD: &corev1.RBDVolumeSource{SecretRef: &local}}), secret, ""},
		{"N5", "of scaleIO", volume(corev1.VolumeSource{ScaleIO: &corev1.ScaleIOVolumeSource{SecretRef: &local}}), secret, ""},
		{"N5", "of storageOS", volume(corev1.VolumeSource{StorageOS: &corev1.StorageOSVolumeSource{SecretRef: &local}}), secret, ""},
		{"N5", "a config map in a variable", main(env(configKey)), config, ""},
		{"N5", "in all variables", main(from(allConfig)), config, ""},
		{"N5", "of an init container", initial(env(configKey)), config, ""},
		{"N5", "of an ephemeral container", ephemeral(from(allConfig)), config, ""},
		{"N5", "a config map volume", volume(corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local}}), config, ""},
		{"N5", "a projected config map", projected(corev1.VolumeProjection{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: local}}), config, ""},
		{"N5", "a service account", create(func(p *corev1.Pod) { p.Spec.ServiceAccountName = "robot" }), account, ""},
		{"N5", "by its former name", create(func(p *corev1.Pod) { p.Spec.DeprecatedServiceAccount = "robot" }), account, ""},
		{"N5", "a token", projected(corev1.VolumeProjection{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}}), account, ""},
		{"N5", "a claim", volume(corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "disk"}}),
			"can not create pods that reference persistentvolumeclaims", ""},
		{"N5", "an ephemeral claim", volume(corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}), "can not create pods that reference persistentvolumeclaims", ""},
		{"N5", "a CSI driver", volume(corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "d", NodePublishSecretRef: &local}}),
			"can not create pods that reference csidrivers", ""},
		{"N5", "endpoints", volume(corev1.VolumeSource{Glusterfs: &corev1.GlusterfsVolumeSource{EndpointsName: "e"}}), "can not create pods that reference endpoints", ""},
		{"N5", "a trust bundle", projected(corev1.VolumeProjection{ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{Name: ptr.To("b")}}),
			"can not create pods that reference clustertrustbundles", ""},
		{"N5", "those of a signer", projected(corev1.VolumeProjection{ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{SignerName: ptr.To("s")}}),
			"can not create pods that reference clustertrustbundles", ""},
		{"N5", "a certificate", projected(corev1.VolumeProjection{PodCertificate: &corev1.PodCertificateProjection{}}),
			"can not create pods that reference podcertificaterequests", ""},
		{"N5", "a projection of a kind to come", projected(corev1.VolumeProjection{}), `unknown source for projected volume "v"`, ""},
		{"N5", "a resource claim", create(func(p *corev1.Pod) {
			p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "g", ResourceClaimName: ptr.To("gpu")}}
		}), "can not create pods that reference resourceclaims", ""},
		{"N5", "a template of one", create(func(p *corev1.Pod) {
			p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "g", ResourceClaimTemplateName: ptr.To("gpu")}}
		}), "can not create pods that reference resourceclaimtemplates", ""},
		{"N5", "one of a kind to come", create(func(p *corev1.Pod) { p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "g"}} }),
			"can not create pods that reference resourceclaims", ""},
		{"N5", "one in its status", create(func(p *corev1.Pod) {
			p.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: "gpu"}
		}), "can not create pods that reference resourceclaims", ""},
	}
}

func TestMirrorPods(t *testing.T) { check(t, objects(), grants("", "", ""), mirrorExamples()) }

func podStatusExamples() []example {
	status := func(change func(*corev1.Pod)) admission.Attributes {
		pod := web()
		change(pod)
		return on(n1, admission.Update, pods, "shop/web#status", pod, web())
	}
	deleted := web()
	deleted.DeletionTimestamp, deleted.DeletionGracePeriodSeconds = ptr.To(metav1.NewTime(time.Unix(2e9, 0))), ptr.To[int64](30)
	return []example{
		{"N7", "of its pod", status(func(p *corev1.Pod) { p.Status.Phase = corev1.PodRunning }), "", ""},
		{"N7", "of another's", on(n2, admission.Update, pods, "shop/web#status", web(), web()), "can only update pod status for pods with spec.nodeName set to itself", ""},
		{"N7", "of a pod it says is its own", on(n2, admission.Update, pods, "shop/web#status", func() runtime.Object {
			p := web()
			p.Spec.NodeName = "n2"
			return p
		}(), web()), "can only update pod status for pods with spec.nodeName set to itself", ""},
		{"N7", "creating one", on(n1, admission.Create, pods, "shop/web#status", web(), nil), "unexpected operation", ""},
		{"N7", "deleting one", on(n1, admission.Delete, pods, "shop/web#status", nil, web()), "unexpected operation", ""},
		{"N7", "of another object", on(n1, admission.Update, pods, "shop/web#status", &corev1.Service{}, web()), "unexpected type", ""},
		{"N8", "an unconditional update by another manager", status(func(p *corev1.Pod) {
			p.ResourceVersion, p.ManagedFields, p.Generation = "", []metav1.ManagedFieldsEntry{{Manager: "m"}}, 0
		}), "", ""},
		{"N8", "another UID is the API's to refuse", status(func(p *corev1.Pod) { p.UID = "old" }), "", ""},
		{"N8", "times left out", on(n1, admission.Update, pods, "shop/web#status", func() runtime.Object {
			p := web()
			p.CreationTimestamp = metav1.Time{}
			return p
		}(), deleted), "", ""},
		{"N8", "adding a label", status(func(p *corev1.Pod) { p.Labels["a"] = "b" }), `node "n1" cannot update labels through pod status`, ""},
		{"N8", "removing labels", status(func(p *corev1.Pod) { p.Labels = nil }), "cannot update labels through pod status", ""},
		{"N8", "adding an annotation", status(func(p *corev1.Pod) { p.Annotations["a"] = "b" }), "cannot update annotations through pod status", ""},
		{"N8", "removing annotations", status(func(p *corev1.Pod) { p.Annotations = nil }), "cannot update annotations through pod status", ""},
		{"N8", "becoming a mirror", status(func(p *corev1.Pod) { p.Annotations[corev1.MirrorPodAnnotationKey] = "x" }), "cannot update annotations through pod status", ""},
		{"N8", "adding a finalizer", status(func(p *corev1.Pod) { p.Finalizers = append(p.Finalizers, "a/b") }), "cannot update finalizers through pod status", ""},
		{"N8", "removing finalizers", status(func(p *corev1.Pod) { p.Finalizers = nil }), "cannot update finalizers through pod status", ""},
		{"N8", "owners", status(func(p *corev1.Pod) { p.OwnerReferences = nil }), "cannot update ownerReferences through pod status", ""},
		{"N8", "the generated name", status(func(p *corev1.Pod) { p.GenerateName = "x-" }), "cannot update generateName through pod status", ""},
		{"N8", "when it was made", status(func(p *corev1.Pod) { p.CreationTimestamp = metav1.NewTime(time.Unix(1, 0)) }), "cannot update creationTimestamp through pod status", ""},
		{"N8", "marking it deleted", status(func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.Now()) }), "cannot update deletionTimestamp through pod status", ""},
		{"N8", "how long it may stop", status(func(p *corev1.Pod) { p.DeletionGracePeriodSeconds = ptr.To[int64](0) }), "cannot update deletionGracePeriodSeconds through pod status", ""},
		{"N9", "what it observes", status(func(p *corev1.Pod) {
			p.Status.ContainerStatuses, p.Status.PodIPs = []corev1.ContainerStatus{{Name: "c"}}, []corev1.PodIP{{IP: "10.0.0.1"}}
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady}}
		}), "", ""},
		{"N9", "clearing the nominated node", status(func(p *corev1.Pod) { p.Status.NominatedNodeName = "" }), "", ""},
		{"N9", "another nominated node", status(func(p *corev1.Pod) { p.Status.NominatedNodeName = "n2" }), "cannot update the nominated node name", ""},
		{"N9", "another claim", status(func(p *corev1.Pod) { p.Status.ResourceClaimStatuses[0].ResourceClaimName = ptr.To("other") }), "cannot update resource claim statuses", ""},
		{"N9", "no claim any more", status(func(p *corev1.Pod) { p.Status.ResourceClaimStatuses = nil }), "cannot update resource claim statuses", ""},
		{"N9", "a claim for extended resources", status(func(p *corev1.Pod) {
			p.Status.ExtendedResourceClaimStatus = &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: "other"}
		}), "cannot update extended resource claim status", ""},
		{"N9", "a claim for its own resources", status(func(p *corev1.Pod) {
			p.Status.NodeAllocatableResourceClaimStatuses = []corev1.NodeAllocatableResourceClaimStatus{{
				ResourceClaimName: "other", Mapping: []corev1.NodeAllocatableMappedResources{{Name: "cpu", Quantity: ptr.To(resource.MustParse("1"))}},
			}}
		}), "cannot update node allocatable resource claim statuses", ""},
	}
}

func TestPodStatus(t *testing.T) { check(t, objects(), grants("", "", ""), podStatusExamples()) }

func podCertificateExamples() []example {
	requests := certificatesv1.Resource("podcertificaterequests")
	ask := func(change func(*certificatesv1.PodCertificateRequestSpec)) admission.Attributes {
		r := &certificatesv1.PodCertificateRequest{Spec: certificatesv1.PodCertificateRequestSpec{
			SignerName: "example.com/s", PodName: "web", PodUID: "uid-web", ServiceAccountName: "robot", ServiceAccountUID: "uid-robot",
			NodeName: "n1", NodeUID: "uid-n1",
		}}
		change(&r.Spec)
		return on(n1, admission.Create, requests, "shop/", r, nil)
	}
	type spec = certificatesv1.PodCertificateRequestSpec
	pod := func(name string) admission.Attributes {
		return ask(func(s *spec) { s.PodName, s.PodUID = name, types.UID("uid-"+name) })
	}
	return []example{
		{"N20", "of its pod", ask(func(*spec) {}), "", ""},
		{"N20", "of another node", ask(func(s *spec) { s.NodeName = "n2" }), "which is not the requesting node", ""},
		{"N20", "of another's pod", func() admission.Attributes {
			return on(n1, admission.Create, requests, "shop/", &certificatesv1.PodCertificateRequest{Spec: spec{
				SignerName: "example.com/s", PodName: "foreign", PodUID: "uid-foreign", ServiceAccountName: "robot", ServiceAccountUID: "uid-robot",
				NodeName: "n1", NodeUID: "uid-n1"}}, nil)
		}(), `pod "shop/foreign" is not running on node "n1"`, ""},
		{"N20", "of a mirror pod", pod("static-n1"), `pod "shop/static-n1" is a mirror pod`, ""},
		{"N20", "of a pod of no node", pod("unbound"), "is not running on node", ""},
		{"N20", "of no pod", pod("gone"), "not found", metav1.StatusReasonNotFound},
		{"N20", "of an earlier pod", ask(func(s *spec) { s.PodUID = "old" }), "differs from running pod", metav1.StatusReasonConflict},
		{"N20", "as an earlier node", ask(func(s *spec) { s.NodeUID = "old" }), "inconsistent with the running node", metav1.StatusReasonConflict},
		{"N20", "as another account", ask(func(s *spec) { s.ServiceAccountName = "admin" }), `contains serviceAccountName ("admin") that differs from running pod ("robot")`, ""},
		{"N20", "as an earlier account", ask(func(s *spec) { s.ServiceAccountUID = "old" }), "differs from the running service account", metav1.StatusReasonConflict},
		{"N20", "changing one", on(n1, admission.Update, requests, "shop/c", &certificatesv1.PodCertificateRequest{}, &certificatesv1.PodCertificateRequest{}), "unexpected operation", ""},
		{"N20", "its status", on(n1, admission.Create, requests, "shop/c#status", &certificatesv1.PodCertificateRequest{}, nil), "unexpected subresource", ""},
		{"N21", "of the signer that the pod names", ask(func(*spec) {}), "", ""},
		{"N21", "of another signer", ask(func(s *spec) { s.SignerName = "example.com/other" }), `does not mount a podCertificate projected volume for signer "example.com/other"`, ""},
		{"N21", "of a pod that names none", pod("plain"), "does not mount a podCertificate projected volume", ""},
	}
}

func TestPodCertificates(t *testing.T) {
	check(t, objects(), grants("", "", ""), podCertificateExamples())
	// With the right to the signer, the pod need not name it.
	may := grants("request-serviceaccounts-podcertificate-signer", "example.com:s", "robot")
	for _, e := range podCertificateExamples() {
		if e.name == "of a pod that names none" {
			e.err = ""
			check(t, objects(), may, []example{e})
		}
		if e.name == "of another signer" {
			check(t, objects(), may, []example{e})
		}
	}
}
