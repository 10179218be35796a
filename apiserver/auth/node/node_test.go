// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package node

import (
	"context"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apiserver/bootstrap/policy"
)

func local(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }

func fullPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "1"},
		Spec: corev1.PodSpec{
			NodeName: "n1", ServiceAccountName: "robot", ImagePullSecrets: []corev1.LocalObjectReference{local("pull")},
			InitContainers: []corev1.Container{{EnvFrom: []corev1.EnvFromSource{
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("env-all")}},
				{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: local("config-all")}},
			}}},
			Containers: []corev1.Container{{Env: []corev1.EnvVar{
				{Name: "A", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local("env")}}},
				{Name: "B", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: local("config")}}},
			}}},
			EphemeralContainers: []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{EnvFrom: []corev1.EnvFromSource{
				{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("debug")}},
			}}}},
			Volumes: []corev1.Volume{
				{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "files"}}},
				{Name: "c", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: local("page")}}},
				{Name: "d", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "disk"}}},
				{Name: "e", VolumeSource: corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}},
				{Name: "p", VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{Sources: []corev1.VolumeProjection{
					{Secret: &corev1.SecretProjection{LocalObjectReference: local("part")}},
					{ConfigMap: &corev1.ConfigMapProjection{LocalObjectReference: local("kube-root-ca.crt")}},
					{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{}},
					{ClusterTrustBundle: &corev1.ClusterTrustBundleProjection{Name: ptr.To("roots")}},
					{PodCertificate: &corev1.PodCertificateProjection{SignerName: "example.com/s"}},
				}}}},
				{Name: "i", VolumeSource: corev1.VolumeSource{CSI: &corev1.CSIVolumeSource{Driver: "csi.example.com", NodePublishSecretRef: ptr.To(local("publish"))}}},
			},
			ResourceClaims: []corev1.PodResourceClaim{
				{Name: "own", ResourceClaimName: ptr.To("gpu")}, {Name: "made", ResourceClaimTemplateName: ptr.To("gpus")},
			},
		},
		Status: corev1.PodStatus{
			ResourceClaimStatuses:       []corev1.PodResourceClaimStatus{{Name: "made", ResourceClaimName: ptr.To("web-made")}, {Name: "forged", ResourceClaimName: ptr.To("other")}},
			ExtendedResourceClaimStatus: &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: "web-extended"},
		},
	}
}

func TestWhatAPodOpensToItsNode(t *testing.T) {
	all := []reference{
		{configMaps, "config"}, {configMaps, "config-all"}, {configMaps, "kube-root-ca.crt"}, {configMaps, "page"},
		{claims, "disk"}, {claims, "web-e"}, {pods, "web"},
		{resourceClaims, "gpu"}, {resourceClaims, "web-extended"}, {resourceClaims, "web-made"},
		{secrets, "debug"}, {secrets, "env"}, {secrets, "env-all"}, {secrets, "files"}, {secrets, "part"}, {secrets, "publish"}, {secrets, "pull"},
		{serviceAccounts, "robot"},
	}
	unbound := fullPod()
	unbound.Spec.NodeName = ""
	for name, c := range map[string]struct {
		pod    *corev1.Pod
		mirror bool
		want   []reference
	}{
		"everything it refers to, once":         {fullPod(), false, all},
		"a mirror pod opens nothing but itself": {fullPod(), true, []reference{{pods, "web"}}},
		"a pod without node opens nothing":      {unbound, false, nil},
	} {
		got := grants(c.pod, c.mirror)
		slices.SortFunc(got, func(a, b reference) int {
			return strings.Compare(a.resource.Resource+"/"+a.name, b.resource.Resource+"/"+b.name)
		})
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(reference{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// A mirror pod that loses its annotation, by whatever way, goes on opening nothing.
func TestAMirrorPodStaysOne(t *testing.T) {
	g := &Graph{mirrors: map[types.UID]struct{}{}}
	refs := func(pod *corev1.Pod) int {
		t.Helper()
		cut, err := g.cut(pod)
		if err != nil {
			t.Fatal(err)
		}
		return len(cut.(*podReferences).refs) // cut makes nothing else
	}
	mirror, stripped, namesake := fullPod(), fullPod(), fullPod()
	mirror.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: ""}
	namesake.UID = "2"
	if n := refs(mirror); n != 1 {
		t.Errorf("the mirror pod opens %d objects", n)
	}
	if n := refs(stripped); n != 1 {
		t.Errorf("without its annotation it opens %d objects", n)
	}
	if n := refs(namesake); n == 1 {
		t.Error("a pod of the same name and another UID opens nothing")
	}
	g.forget(&podReferences{ObjectMeta: metav1.ObjectMeta{UID: "1"}})
	if len(g.mirrors) != 0 {
		t.Errorf("%d mirror pods are remembered after they are gone", len(g.mirrors))
	}
}

// stored is what the authorizer reads at each decision.
type stored map[string]runtime.Object

func (s stored) Object(_ context.Context, r schema.GroupResource, namespace, name, _ string) (runtime.Object, error) {
	if obj, ok := s[r.Resource+"/"+namespace+"/"+name]; ok {
		return obj, nil
	}
	return nil, apierrors.NewNotFound(r, name)
}

func volume(claimNamespace, claimName, secret string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{
		ClaimRef: &corev1.ObjectReference{Namespace: claimNamespace, Name: claimName, UID: types.UID("uid-" + claimName)},
		PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{
			NodeStageSecretRef:         &corev1.SecretReference{Namespace: "storage", Name: secret},
			ControllerPublishSecretRef: &corev1.SecretReference{Namespace: "storage", Name: "controller"},
		}},
	}}
}

func claimOf(name, volume string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-" + name)}, Spec: corev1.PersistentVolumeClaimSpec{VolumeName: volume},
	}
}

func sliceOf(node *string) *resourcev1.ResourceSlice {
	return &resourcev1.ResourceSlice{Spec: resourcev1.ResourceSliceSpec{NodeName: node}}
}

func objects() stored {
	return stored{
		"persistentvolumes//pv1":            volume("shop", "disk", "stage"),
		"persistentvolumes//pv2":            volume("shop", "other", "stage-other"),
		"persistentvolumes//liar":           volume("shop", "disk", "stage-liar"), // the claim is bound to another
		"persistentvolumes//free":           &corev1.PersistentVolume{},
		"persistentvolumeclaims/shop/disk":  claimOf("disk", "pv1"),
		"persistentvolumeclaims/shop/web-e": claimOf("web-e", "pv2"), // the volume is bound to another
		"volumeattachments//a1":             &storagev1.VolumeAttachment{Spec: storagev1.VolumeAttachmentSpec{NodeName: "n1"}},
		"resourceslices//s1":                sliceOf(ptr.To("n1")),
		"resourceslices//everywhere":        sliceOf(nil),
		"podcertificaterequests/shop/c1":    &certificatesv1.PodCertificateRequest{Spec: certificatesv1.PodCertificateRequestSpec{NodeName: "n1"}},
	}
}

func newGraph(t *testing.T, catchUp time.Duration, pods ...*corev1.Pod) (*Graph, *fake.Clientset) {
	t.Helper()
	client := fake.NewClientset()
	for _, p := range pods {
		if err := client.Tracker().Add(p); err != nil {
			t.Fatal(err)
		}
	}
	factory := informers.NewSharedInformerFactory(client, 0)
	graph, err := NewGraph(factory, objects())
	if err != nil {
		t.Fatal(err)
	}
	graph.catchUp, graph.recheck = catchUp, time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); factory.Shutdown() })
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	return graph, client
}

func nodeUser(name string) user.Info {
	return &user.DefaultInfo{Name: "system:node:" + name, Groups: []string{"system:nodes", "system:authenticated"}}
}

// TestAuthorize has the rules A1 to A22 of docs/security.md, each with what it allows and what it refuses.
func TestAuthorize(t *testing.T) {
	mirror := fullPod()
	mirror.Name, mirror.UID, mirror.Annotations = "static-n3", "3", map[string]string{corev1.MirrorPodAnnotationKey: "x"}
	mirror.Spec.NodeName = "n3"
	graph, _ := newGraph(t, 10*time.Millisecond, fullPod(), mirror)
	a := New(graph, policy.NodeRules())

	n1, n2, n3 := nodeUser("n1"), nodeUser("n2"), nodeUser("n3")
	ask := func(u user.Info, verb, group, resource, namespace, name string) authorizer.AttributesRecord {
		resource, subresource, _ := strings.Cut(resource, "/")
		return authorizer.AttributesRecord{
			User: u, Verb: verb, APIGroup: group, Resource: resource, Subresource: subresource, Namespace: namespace, Name: name, ResourceRequest: true,
		}
	}
	core := func(u user.Info, verb, resource, namespace, name string) authorizer.AttributesRecord {
		return ask(u, verb, "", resource, namespace, name)
	}
	selecting := func(r authorizer.AttributesRecord, field string, operator selection.Operator, value string) authorizer.AttributesRecord {
		r.FieldSelectorRequirements = fields.Requirements{{Field: field, Operator: operator, Value: value}}
		return r
	}
	on := func(r authorizer.AttributesRecord, node string) authorizer.AttributesRecord {
		return selecting(r, "spec.nodeName", selection.Equals, node)
	}
	unparsable := on(core(n1, "list", "pods", "", ""), "n1")
	unparsable.FieldSelectorParsingErr = apierrors.NewBadRequest("x")
	const (
		leases, certificates, storage = "coordination.k8s.io", "certificates.k8s.io", "storage.k8s.io"
		dra, leaseNamespace           = "resource.k8s.io", "kube-node-lease"
	)
	const yes, no = true, false
	type example struct {
		rule, name string
		ask        authorizer.AttributesRecord
		want       bool
	}
	cases := []example{
		{"A1", "name and group make a node", core(n1, "get", "nodes", "", "n1"), yes},
		{"A1", "the name without the group does not", core(&user.DefaultInfo{Name: "system:node:n1"}, "get", "nodes", "", "n1"), no},
		{"A1", "the group without the name does not", core(&user.DefaultInfo{Name: "n1", Groups: []string{"system:nodes"}}, "list", "services", "", ""), no},
		{"A1", "nor in upper case", core(&user.DefaultInfo{Name: "SYSTEM:NODE:n1", Groups: []string{"system:nodes"}}, "list", "services", "", ""), no},
		{"A1", "nor does a group that looks like it", core(&user.DefaultInfo{Name: "system:node:n1", Groups: []string{"system:nodes "}}, "list", "services", "", ""), no},
		{"A1", "no user at all is nobody", core(nil, "list", "services", "", ""), no},
		{"A2", "a name with dots", core(nodeUser("n1.example.com"), "list", "services", "", ""), yes},
		{"A2", "no name", core(nodeUser(""), "list", "services", "", ""), no},
		{"A2", "a name in upper case", core(nodeUser("N1"), "list", "services", "", ""), no},
		{"A2", "a name with a slash", core(nodeUser("n1/secrets"), "list", "services", "", ""), no},
		{"A2", "a name that reaches into the graph's keys", core(nodeUser("n1/secrets/shop"), "get", "secrets", "shop", "files"), no},
		{"A2", "a name with a space", core(nodeUser("n1 "), "list", "services", "", ""), no},
		{"A3", "reading services", core(n1, "watch", "services", "", ""), yes},
		{"A3", "reading endpoints", core(n1, "get", "endpoints", "shop", "web"), yes},
		{"A3", "listing endpoints", core(n1, "list", "endpoints", "shop", ""), no},
		{"A3", "writing services", core(n1, "update", "services", "shop", "web"), no},
		{"A4", "reading itself", core(n1, "get", "nodes", "", "n1"), yes},
		{"A4", "watching itself", core(n1, "watch", "nodes", "", "n1"), yes},
		{"A4", "registering", core(n1, "create", "nodes", "", ""), yes},
		{"A4", "changing itself", core(n1, "patch", "nodes", "", "n1"), yes},
		{"A4", "its own status", core(n1, "patch", "nodes/status", "", "n1"), yes},
		{"A4", "another node", core(n1, "get", "nodes", "", "n2"), no},
		{"A4", "all nodes", core(n1, "list", "nodes", "", ""), no},
		{"A4", "nodes of another name by selector", selecting(core(n1, "list", "nodes", "", ""), "metadata.name", selection.NotEquals, "n1"), no},
		{"A4", "changing another", core(n1, "update", "nodes", "", "n2"), no},
		{"A4", "another's status", core(n1, "patch", "nodes/status", "", "n2"), no},
		{"A4", "deleting itself", core(n1, "delete", "nodes", "", "n1"), no},
		{"A4", "deleting all nodes", core(n1, "deletecollection", "nodes", "", ""), no},
		{"A4", "another's agent", core(n1, "get", "nodes/proxy", "", "n2"), no},
		{"A4", "its own agent", core(n1, "create", "nodes/proxy", "", "n1"), no},
		{"A4", "the configuration of agents", core(n1, "get", "nodes/configz", "", "n1"), no},
		{"A5", "its pod", core(n1, "get", "pods", "shop", "web"), yes},
		{"A5", "its pods", on(core(n1, "watch", "pods", "", ""), "n1"), yes},
		{"A5", "watching one pod", core(n1, "watch", "pods", "shop", "web"), yes},
		{"A5", "its pods, with two equal signs", selecting(core(n1, "list", "pods", "", ""), "spec.nodeName", selection.DoubleEquals, "n1"), yes},
		{"A5", "making pods", core(n1, "create", "pods", "kube-system", ""), yes},
		{"A5", "deleting pods", core(n1, "delete", "pods", "shop", "web"), yes},
		{"A5", "the status of pods", core(n1, "patch", "pods/status", "shop", "web"), yes},
		{"A5", "evicting", core(n1, "create", "pods/eviction", "shop", "web"), yes},
		{"A5", "another's pod", core(n2, "get", "pods", "shop", "web"), no},
		{"A5", "another's pods", on(core(n1, "watch", "pods", "", ""), "n2"), no},
		{"A5", "the pods of all but one", selecting(core(n1, "list", "pods", "", ""), "spec.nodeName", selection.NotEquals, "n1"), no},
		{"A5", "pods by another field", selecting(core(n1, "list", "pods", "", ""), "status.podIP", selection.Equals, "n1"), no},
		{"A5", "a selector that cannot be parsed", unparsable, no},
		{"A5", "all pods", core(n1, "list", "pods", "", ""), no},
		{"A5", "another's pod by name", core(n2, "list", "pods", "shop", "web"), no},
		{"A5", "reading by way of the status", core(n1, "get", "pods/status", "shop", "web"), no},
		{"A5", "changing a pod", core(n1, "update", "pods", "shop", "web"), no},
		{"A5", "deleting many", on(core(n1, "deletecollection", "pods", "shop", ""), "n1"), no},
		{"A5", "running commands", core(n1, "create", "pods/exec", "shop", "web"), no},
		{"A5", "binding", core(n1, "create", "pods/binding", "shop", "web"), no},
		{"A5", "ephemeral containers", core(n1, "patch", "pods/ephemeralcontainers", "shop", "web"), no},
		{"A5", "resizing", core(n1, "patch", "pods/resize", "shop", "web"), no},
		{"A5", "logs", core(n1, "get", "pods/log", "shop", "web"), no},
		{"A6", "a secret of its pod", core(n1, "get", "secrets", "shop", "files"), yes},
		{"A6", "watching it", core(n1, "watch", "secrets", "shop", "files"), yes},
		{"A6", "that an ephemeral container has", core(n1, "get", "secrets", "shop", "debug"), yes},
		{"A6", "that mounting its volume needs", core(n1, "get", "secrets", "storage", "stage"), yes},
		{"A6", "that only the volume's controller needs", core(n1, "get", "secrets", "storage", "controller"), no},
		{"A6", "of a volume bound to another claim", core(n1, "get", "secrets", "storage", "stage-other"), no},
		{"A6", "of a volume that only says it is bound", core(n1, "get", "secrets", "storage", "stage-liar"), no},
		{"A6", "of another's volume", core(n2, "get", "secrets", "storage", "stage"), no},
		{"A6", "of another's pod", core(n2, "get", "secrets", "shop", "files"), no},
		{"A6", "the name in another namespace", core(n1, "get", "secrets", "bank", "files"), no},
		{"A6", "of no pod", core(n1, "get", "secrets", "shop", "other"), no},
		{"A6", "all secrets", core(n1, "list", "secrets", "shop", ""), no},
		{"A6", "of that name everywhere", core(n1, "list", "secrets", "", "files"), no},
		{"A6", "all secrets of its pods", on(core(n1, "list", "secrets", "shop", ""), "n1"), no},
		{"A6", "writing a secret", core(n1, "update", "secrets", "shop", "files"), no},
		{"A6", "deleting it", core(n1, "delete", "secrets", "shop", "files"), no},
		{"A7", "a config map of its pod", core(n1, "list", "configmaps", "shop", "page"), yes},
		{"A7", "of another's", core(n2, "get", "configmaps", "shop", "page"), no},
		{"A7", "writing it", core(n1, "patch", "configmaps", "shop", "page"), no},
		{"A7", "all config maps", core(n1, "watch", "configmaps", "", ""), no},
		{"A8", "a claim of its pod", core(n1, "get", "persistentvolumeclaims", "shop", "disk"), yes},
		{"A8", "an ephemeral one", core(n1, "get", "persistentvolumeclaims", "shop", "web-e"), yes},
		{"A8", "its status", core(n1, "patch", "persistentvolumeclaims/status", "shop", "disk"), yes},
		{"A8", "reading by way of the status", core(n1, "get", "persistentvolumeclaims/status", "shop", "disk"), no},
		{"A8", "another's status", core(n2, "patch", "persistentvolumeclaims/status", "shop", "disk"), no},
		{"A8", "changing the claim", core(n1, "update", "persistentvolumeclaims", "shop", "disk"), no},
		{"A8", "listing claims", core(n1, "list", "persistentvolumeclaims", "shop", ""), no},
		{"A8", "watching one", core(n1, "watch", "persistentvolumeclaims", "shop", "disk"), no},
		{"A9", "the volume of its pod's claim", core(n1, "get", "persistentvolumes", "", "pv1"), yes},
		{"A9", "of another claim", core(n1, "get", "persistentvolumes", "", "pv2"), no},
		{"A9", "of no claim", core(n1, "get", "persistentvolumes", "", "free"), no},
		{"A9", "that is not there", core(n1, "get", "persistentvolumes", "", "gone"), no},
		{"A9", "of another's pod", core(n2, "get", "persistentvolumes", "", "pv1"), no},
		{"A9", "all volumes", core(n1, "list", "persistentvolumes", "", ""), no},
		{"A9", "changing it", core(n1, "patch", "persistentvolumes", "", "pv1"), no},
		{"A10", "a resource claim of its pod", ask(n1, "get", dra, "resourceclaims", "shop", "gpu"), yes},
		{"A10", "made from a template", ask(n1, "get", dra, "resourceclaims", "shop", "web-made"), yes},
		{"A10", "made for extended resources", ask(n1, "get", dra, "resourceclaims", "shop", "web-extended"), yes},
		{"A10", "that only the status names", ask(n1, "get", dra, "resourceclaims", "shop", "other"), no},
		{"A10", "of another's pod", ask(n2, "get", dra, "resourceclaims", "shop", "gpu"), no},
		{"A10", "all of them", ask(n1, "list", dra, "resourceclaims", "shop", ""), no},
		{"A10", "changing its status", ask(n1, "patch", dra, "resourceclaims/status", "shop", "gpu"), no},
		{"A11", "a token of its pod's account", core(n1, "create", "serviceaccounts/token", "shop", "robot"), yes},
		{"A11", "reading the account", core(n1, "get", "serviceaccounts", "shop", "robot"), yes},
		{"A11", "a token of another's", core(n2, "create", "serviceaccounts/token", "shop", "robot"), no},
		{"A11", "a token of an account without pods", core(n1, "create", "serviceaccounts/token", "shop", "admin"), no},
		{"A11", "reading another account", core(n1, "get", "serviceaccounts", "shop", "admin"), no},
		{"A11", "all accounts", core(n1, "list", "serviceaccounts", "shop", ""), no},
		{"A11", "changing the account", core(n1, "update", "serviceaccounts", "shop", "robot"), no},
		{"A12", "its lease", ask(n1, "update", leases, "leases", leaseNamespace, "n1"), yes},
		{"A12", "making it", ask(n1, "create", leases, "leases", leaseNamespace, ""), yes},
		{"A12", "removing it", ask(n1, "delete", leases, "leases", leaseNamespace, "n1"), yes},
		{"A12", "another's lease", ask(n1, "update", leases, "leases", leaseNamespace, "n2"), no},
		{"A12", "a lease elsewhere", ask(n1, "get", leases, "leases", "kube-system", "n1"), no},
		{"A12", "making one elsewhere", ask(n1, "create", leases, "leases", "kube-system", ""), no},
		{"A12", "all leases", ask(n1, "list", leases, "leases", leaseNamespace, ""), no},
		{"A13", "its CSINode", ask(n1, "patch", storage, "csinodes", "", "n1"), yes},
		{"A13", "making it", ask(n1, "create", storage, "csinodes", "", ""), yes},
		{"A13", "another's", ask(n1, "get", storage, "csinodes", "", "n2"), no},
		{"A13", "all of them", ask(n1, "list", storage, "csinodes", "", ""), no},
		{"A13", "its status", ask(n1, "patch", storage, "csinodes/status", "", "n1"), no},
		{"A14", "an attachment to it", ask(n1, "get", storage, "volumeattachments", "", "a1"), yes},
		{"A14", "to another", ask(n2, "get", storage, "volumeattachments", "", "a1"), no},
		{"A14", "that is not there", ask(n1, "get", storage, "volumeattachments", "", "a2"), no},
		{"A14", "all attachments", ask(n1, "list", storage, "volumeattachments", "", ""), no},
		{"A14", "its status", ask(n1, "patch", storage, "volumeattachments/status", "", "a1"), no},
		{"A15", "its slice", ask(n1, "update", dra, "resourceslices", "", "s1"), yes},
		{"A15", "making one", ask(n1, "create", dra, "resourceslices", "", ""), yes},
		{"A15", "its slices", on(ask(n1, "watch", dra, "resourceslices", "", ""), "n1"), yes},
		{"A15", "removing its slices", on(ask(n1, "deletecollection", dra, "resourceslices", "", ""), "n1"), yes},
		{"A15", "another's slice", ask(n2, "get", dra, "resourceslices", "", "s1"), no},
		{"A15", "a slice of no node", ask(n1, "delete", dra, "resourceslices", "", "everywhere"), no},
		{"A15", "another's slices", on(ask(n1, "list", dra, "resourceslices", "", ""), "n2"), no},
		{"A15", "all slices", ask(n1, "list", dra, "resourceslices", "", ""), no},
		{"A15", "removing all slices", ask(n1, "deletecollection", dra, "resourceslices", "", ""), no},
		{"A15", "a subresource", ask(n1, "get", dra, "resourceslices/status", "", "s1"), no},
		{"A16", "its certificate request", ask(n1, "get", certificates, "podcertificaterequests", "shop", "c1"), yes},
		{"A16", "making one", ask(n1, "create", certificates, "podcertificaterequests", "shop", ""), yes},
		{"A16", "its requests", on(ask(n1, "watch", certificates, "podcertificaterequests", "", ""), "n1"), yes},
		{"A16", "another's", ask(n2, "get", certificates, "podcertificaterequests", "shop", "c1"), no},
		{"A16", "all requests", ask(n1, "list", certificates, "podcertificaterequests", "", ""), no},
		{"A16", "changing its own", ask(n1, "patch", certificates, "podcertificaterequests", "shop", "c1"), no},
		{"A16", "signing it", ask(n1, "update", certificates, "podcertificaterequests/status", "shop", "c1"), no},
		{"A17", "events", core(n1, "create", "events", "shop", ""), yes},
		{"A17", "events of the newer group", ask(n1, "patch", "events.k8s.io", "events", "shop", "e"), yes},
		{"A17", "reading events", core(n1, "list", "events", "shop", ""), no},
		{"A17", "deleting events", core(n1, "delete", "events", "shop", "e"), no},
		{"A18", "asking for a certificate", ask(n1, "create", certificates, "certificatesigningrequests", "", ""), yes},
		{"A18", "waiting for it", ask(n1, "watch", certificates, "certificatesigningrequests", "", "x"), yes},
		{"A18", "approving it", ask(n1, "update", certificates, "certificatesigningrequests/approval", "", "x"), no},
		{"A18", "signing it", ask(n1, "update", certificates, "certificatesigningrequests/status", "", "x"), no},
		{"A18", "the right to sign", ask(n1, "sign", certificates, "signers", "", "kubernetes.io/kubelet-serving"), no},
		{"A19", "asking who somebody is", ask(n1, "create", "authentication.k8s.io", "tokenreviews", "", ""), yes},
		{"A19", "asking what somebody may", ask(n1, "create", "authorization.k8s.io", "subjectaccessreviews", "", ""), yes},
		{"A19", "in a namespace", ask(n1, "create", "authorization.k8s.io", "localsubjectaccessreviews", "shop", ""), yes},
		{"A19", "being somebody else", core(n1, "impersonate", "users", "", "admin"), no},
		{"A20", "drivers", ask(n1, "list", storage, "csidrivers", "", ""), yes},
		{"A20", "runtime classes", ask(n1, "watch", "node.k8s.io", "runtimeclasses", "", ""), yes},
		{"A20", "trust bundles", ask(n1, "get", certificates, "clustertrustbundles", "", "x"), yes},
		{"A20", "writing drivers", ask(n1, "create", storage, "csidrivers", "", ""), no},
		{"A20", "writing trust bundles", ask(n1, "update", certificates, "clustertrustbundles", "", "x"), no},
		{"A21", "its mirror pod", core(n3, "get", "pods", "shop", "static-n3"), yes},
		{"A21", "a secret that only its mirror pod names", core(n3, "get", "secrets", "shop", "files"), no},
		{"A21", "a config map", core(n3, "get", "configmaps", "shop", "page"), no},
		{"A21", "a claim", core(n3, "get", "persistentvolumeclaims", "shop", "disk"), no},
		{"A21", "a resource claim", ask(n3, "get", dra, "resourceclaims", "shop", "gpu"), no},
		{"A21", "a token", core(n3, "create", "serviceaccounts/token", "shop", "robot"), no},
		{"A21", "a volume", core(n3, "get", "persistentvolumes", "", "pv1"), no},
		{"A21", "a secret of a volume", core(n3, "get", "secrets", "storage", "stage"), no},
		{"A22", "deployments", ask(n1, "list", "apps", "deployments", "", ""), no},
		{"A22", "roles", ask(n1, "create", "rbac.authorization.k8s.io", "clusterrolebindings", "", ""), no},
		{"A22", "webhooks", ask(n1, "create", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", ""), no},
		{"A22", "the same resource in another group", ask(n1, "get", "example.com", "secrets", "shop", "files"), no},
		{"A22", "paths", authorizer.AttributesRecord{User: n1, Verb: "get", Path: "/metrics"}, no},
	}
	for _, c := range cases {
		decision, reason, err := a.Authorize(context.Background(), c.ask)
		if err != nil {
			t.Errorf("%s, %s: %v", c.rule, c.name, err)
		}
		want := authorizer.DecisionNoOpinion
		if c.want {
			want = authorizer.DecisionAllow
		}
		if decision != want {
			t.Errorf("%s, %s: %v (%s), want %v", c.rule, c.name, decision, reason, want)
		}
	}
	for _, rule := range documented(t, "A") {
		allowed := slices.ContainsFunc(cases, func(e example) bool { return e.rule == rule && e.want })
		refused := slices.ContainsFunc(cases, func(e example) bool { return e.rule == rule && !e.want })
		if !refused || !allowed && rule != "A22" {
			t.Errorf("rule %s of docs/security.md: allowed %v, refused %v; a test of each is wanted", rule, allowed, refused)
		}
	}
}

// documented lists the rules of docs/security.md whose number begins with prefix.
func documented(t *testing.T, prefix string) []string {
	t.Helper()
	raw, err := os.ReadFile("../../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	var rules []string
	for _, m := range regexp.MustCompile(`(?m)^\| (`+prefix+`\d+) \|`).FindAllStringSubmatch(string(raw), -1) {
		rules = append(rules, m[1])
	}
	if len(rules) == 0 {
		t.Fatalf("docs/security.md has no rules %s", prefix)
	}
	return rules
}

func TestAPodThatTheGraphHearsOfLate(t *testing.T) {
	graph, client := newGraph(t, 10*time.Second)
	ctx := t.Context()
	reached := make(chan bool)
	go func() { reached <- graph.Reaches(ctx, "n1", secrets, "shop", "files") }()
	if _, err := client.CoreV1().Pods("shop").Create(ctx, fullPod(), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	if !<-reached {
		t.Error("the graph did not catch up")
	}
}

// Mounting a volume does not wait for the graph to catch up with what it knows by another way.
func TestSecretsOfVolumesAreThereAtOnce(t *testing.T) {
	graph, _ := newGraph(t, time.Hour, fullPod())
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if !graph.ReachesSecret(ctx, "n1", "storage", "stage") {
		t.Error("the secret of the volume was waited for")
	}
}

func TestNobodyElseHasAnOpinion(t *testing.T) {
	graph, _ := newGraph(t, time.Millisecond)
	a := New(graph, policy.NodeRules())
	if _, _, incomplete, err := a.RulesFor(t.Context(), nodeUser("n1"), "shop"); !incomplete || err == nil {
		t.Errorf("the rules of a node are said to be whole: %v, %v", incomplete, err)
	}
	if _, _, incomplete, err := a.RulesFor(t.Context(), &user.DefaultInfo{Name: "ann"}, "shop"); incomplete || err != nil {
		t.Errorf("the rules of others: %v, %v", incomplete, err)
	}
}
