// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"os"
	"regexp"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/ptr"
)

// stored are objects by "resource/namespace/name".
type stored map[string]runtime.Object

func (s stored) Object(_ context.Context, r schema.GroupResource, namespace, name, _ string) (runtime.Object, error) {
	if obj, ok := s[r.Resource+"/"+namespace+"/"+name]; ok {
		return obj, nil
	}
	return nil, apierrors.NewNotFound(r, name)
}

func typed[T runtime.Object](s stored, resource, namespace, name string) (T, error) {
	obj, err := s.Object(context.Background(), corev1.Resource(resource), namespace, name, "")
	if err != nil {
		var none T
		return none, err
	}
	return obj.(T), nil // the tests put them there
}

func (s stored) Pod(_ context.Context, namespace, name, _ string) (*corev1.Pod, error) {
	return typed[*corev1.Pod](s, "pods", namespace, name)
}

func (s stored) Node(_ context.Context, name, _ string) (*corev1.Node, error) {
	return typed[*corev1.Node](s, "nodes", "", name)
}

func (s stored) ServiceAccount(_ context.Context, namespace, name, _ string) (*corev1.ServiceAccount, error) {
	return typed[*corev1.ServiceAccount](s, "serviceaccounts", namespace, name)
}

// grants allows one verb on one resource by name.
func grants(verb, resource, name string) authorizer.UnconditionalAuthorizer {
	return authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
		if verb != "" && a.GetVerb() == verb && a.GetResource() == resource && a.GetName() == name && a.GetNamespace() == "shop" {
			return authorizer.DecisionAllow, "", errors.New("of another authorizer: it does not matter")
		}
		return authorizer.DecisionNoOpinion, "", nil
	})
}

func nodeUser(name string) user.Info {
	return &user.DefaultInfo{Name: "system:node:" + name, Groups: []string{"system:nodes", "system:authenticated"}}
}

var n1, n2 = nodeUser("n1"), nodeUser("n2")

// example is one request and what becomes of it.
type example struct {
	rule, name string
	request    admission.Attributes
	// err is a part of the refusal, empty if there is none. All refusals are Forbidden unless reason says otherwise.
	err    string
	reason metav1.StatusReason
}

func on(u user.Info, op admission.Operation, r schema.GroupResource, path string, obj, old runtime.Object) admission.Attributes {
	resource, subresource, _ := strings.Cut(path, "#")
	namespace, name, namespaced := strings.Cut(resource, "/")
	if !namespaced {
		namespace, name = "", resource
	}
	return admission.NewAttributesRecord(obj, old, schema.GroupVersionKind{}, namespace, name, r.WithVersion("v1"), subresource, op, nil, false, u)
}

// check runs examples, and takes note of which rules they are about.
func check(t *testing.T, objects Objects, a authorizer.UnconditionalAuthorizer, examples []example) {
	t.Helper()
	p := New(objects, a)
	for _, e := range examples {
		err := p.Admit(t.Context(), e.request, nil)
		switch {
		case e.err == "" && err != nil:
			t.Errorf("%s, %s: %v", e.rule, e.name, err)
		case e.err != "" && (err == nil || !strings.Contains(err.Error(), e.err)):
			t.Errorf("%s, %s: %v, want an error with %q", e.rule, e.name, err, e.err)
		case e.err != "":
			want := e.reason
			if want == "" {
				want = metav1.StatusReasonForbidden
			}
			if got := apierrors.ReasonForError(err); got != want {
				t.Errorf("%s, %s: the reason is %q, want %q", e.rule, e.name, got, want)
			}
		}
	}
}

// Every rule N of docs/security.md has an example of what it allows and one of what it refuses.
func TestEveryDocumentedRuleHasItsExamples(t *testing.T) {
	raw, err := os.ReadFile("../../../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	allowed, refused := map[string]bool{}, map[string]bool{}
	for _, list := range [][]example{generalExamples(), podExamples(), mirrorExamples(), podStatusExamples(), nodeExamples(), claimExamples(), tokenExamples(),
		certificateExamples(t), podCertificateExamples(), ownedExamples()} {
		for _, e := range list {
			if e.err == "" {
				allowed[e.rule] = true
			} else {
				refused[e.rule] = true
			}
		}
	}
	rules := regexp.MustCompile(`(?m)^\| (N\d+) \|`).FindAllStringSubmatch(string(raw), -1)
	if len(rules) != len(allowed) {
		t.Errorf("docs/security.md has %d rules N, the tests %d", len(rules), len(allowed))
	}
	for _, m := range rules {
		if !allowed[m[1]] || !refused[m[1]] {
			t.Errorf("rule %s: allowed %v, refused %v; an example of each is wanted", m[1], allowed[m[1]], refused[m[1]])
		}
	}
}

func generalExamples() []example {
	services := corev1.Resource("services")
	return []example{
		{"N1", "who is no node passes", on(&user.DefaultInfo{Name: "ann"}, admission.Create, pods, "shop/", web(), nil), "", ""},
		{"N1", "who has only the group passes", on(&user.DefaultInfo{Name: "ann", Groups: []string{"system:nodes"}}, admission.Create, pods, "shop/", web(), nil), "", ""},
		{"N1", "who has only the name passes", on(&user.DefaultInfo{Name: "system:node:n1"}, admission.Create, pods, "shop/", web(), nil), "", ""},
		{"N1", "a node without a name may nothing", on(nodeUser(""), admission.Create, services, "shop/x", nil, nil), `could not determine node from user "system:node:"`, ""},
		{"N1", "nor one in upper case", on(nodeUser("N1"), admission.Create, services, "shop/x", nil, nil), `could not determine node from user "system:node:N1"`, ""},
		{"N1", "nor one with a slash", on(nodeUser("n1/n2"), admission.Update, nodeResource, "n1", nodeOf("n1", nil), nodeOf("n1", nil)), "could not determine node", ""},
		{"N1", "other resources are the authorizer's alone", on(n1, admission.Create, services, "shop/x", nil, nil), "", ""},
	}
}

func TestGeneral(t *testing.T) { check(t, objects(), grants("", "", ""), generalExamples()) }

var (
	pods         = corev1.Resource("pods")
	nodeResource = corev1.Resource("nodes")
)

func nodeOf(name string, change func(*corev1.Node)) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if change != nil {
		change(n)
	}
	return n
}

func nodeExamples() []example {
	labelled := func(key, value string) *corev1.Node {
		return nodeOf("n1", func(n *corev1.Node) { n.Labels = map[string]string{key: value} })
	}
	tainted := func(value string) *corev1.Node {
		return nodeOf("n1", func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "a", Value: value}} })
	}
	owned := func(name string) *corev1.Node {
		return nodeOf("n1", func(n *corev1.Node) { n.OwnerReferences = []metav1.OwnerReference{{Kind: "Machine", Name: name}} })
	}
	held := nodeOf("n1", func(n *corev1.Node) { n.Finalizers = []string{"example.com/stay"} })
	configured := func(name string) *corev1.Node {
		return nodeOf("n1", func(n *corev1.Node) {
			n.Spec.ConfigSource = &corev1.NodeConfigSource{ConfigMap: &corev1.ConfigMapNodeConfigSource{Namespace: "kube-system", Name: name}}
		})
	}
	noted := nodeOf("n1", func(n *corev1.Node) {
		n.Annotations = map[string]string{"volumes.kubernetes.io/controller-managed-attach-detach": "true"}
		n.Status.Phase = corev1.NodeRunning
	})
	plain := nodeOf("n1", nil)
	create := func(name string, n *corev1.Node) admission.Attributes {
		return on(n1, admission.Create, nodeResource, name, n, nil)
	}
	update := func(n, old *corev1.Node) admission.Attributes {
		return on(n1, admission.Update, nodeResource, "n1", n, old)
	}
	status := func(n, old *corev1.Node) admission.Attributes {
		return on(n1, admission.Update, nodeResource, "n1#status", n, old)
	}
	examples := []example{
		{"N12", "registering", create("n1", plain), "", ""},
		{"N12", "with the name in the body", create("", plain), "", ""},
		{"N12", "its status and annotations", status(noted, plain), "", ""},
		{"N12", "registering another", create("n2", nodeOf("n2", nil)), `node "n1" is not allowed to modify node "n2"`, ""},
		{"N12", "with the name in the body", create("", nodeOf("n2", nil)), `node "n1" is not allowed to modify node "n2"`, ""},
		{"N12", "in the body only", create("n1", nodeOf("n2", nil)), `node "n1" is not allowed to modify node "n2"`, ""},
		{"N12", "with a name to be made", create("", nodeOf("", func(n *corev1.Node) { n.GenerateName = "n1" })), "is not allowed to modify node", ""},
		{"N12", "changing another", on(n1, admission.Update, nodeResource, "n2", nodeOf("n2", nil), nodeOf("n2", nil)), `is not allowed to modify node "n2"`, ""},
		{"N12", "another's status", on(n1, admission.Update, nodeResource, "n2#status", nodeOf("n2", nil), nodeOf("n2", nil)), `is not allowed to modify node "n2"`, ""},
		{"N12", "deleting itself", on(n1, admission.Delete, nodeResource, "n1", nil, plain), "is not allowed to delete nodes", ""},
		{"N12", "deleting another", on(n1, admission.Delete, nodeResource, "n2", nil, nodeOf("n2", nil)), "is not allowed to delete nodes", ""},
		{"N13", "with taints", create("n1", tainted("x")), "", ""},
		{"N13", "taints that stay", update(tainted("x"), tainted("x")), "", ""},
		{"N13", "adding taints", update(tainted("x"), plain), "is not allowed to modify taints", ""},
		{"N13", "removing taints", update(plain, tainted("x")), "is not allowed to modify taints", ""},
		{"N13", "changing taints", update(tainted("y"), tainted("x")), "is not allowed to modify taints", ""},
		{"N13", "through the status", status(plain, tainted("x")), "is not allowed to modify taints", ""},
		{"N14", "owners that stay", update(owned("m1"), owned("m1")), "", ""},
		{"N14", "finalizers that stay", status(held, held), "", ""},
		{"N14", "registering with an owner", create("n1", owned("m1")), "is not allowed to set ownerReferences", ""},
		{"N14", "registering with a finalizer", create("n1", held), "is not allowed to set finalizers", ""},
		{"N14", "adding an owner", update(owned("m1"), plain), "is not allowed to modify ownerReferences", ""},
		{"N14", "removing it", update(plain, owned("m1")), "is not allowed to modify ownerReferences", ""},
		{"N14", "another owner", status(owned("m2"), owned("m1")), "is not allowed to modify ownerReferences", ""},
		{"N14", "adding a finalizer", update(held, plain), "is not allowed to modify finalizers", ""},
		{"N14", "through the status", status(held, plain), "is not allowed to modify finalizers", ""},
		{"N14", "removing it", status(plain, held), "is not allowed to modify finalizers", ""},
		{"N15", "a label of the users", update(labelled("example.com/rack", "x"), plain), "", ""},
		{"N15", "a label without a prefix", update(labelled("rack", "x"), plain), "", ""},
		{"N15", "a foreign label that stays", status(labelled("node-role.kubernetes.io/control-plane", "x"), labelled("node-role.kubernetes.io/control-plane", "x")), "", ""},
		{"N16", "without a source of configuration", create("n1", plain), "", ""},
		{"N16", "one that stays", update(configured("c"), configured("c")), "", ""},
		{"N16", "dropping it", update(plain, configured("c")), "", ""},
		{"N16", "registering with one", create("n1", configured("c")), "is not allowed to create nodes with a non-nil configSource", ""},
		{"N16", "a new one", update(configured("c"), plain), "is not allowed to update configSource", ""},
		{"N16", "another one", update(configured("d"), configured("c")), "is not allowed to update configSource", ""},
	}
	for _, label := range []string{
		"kubernetes.io/hostname", "kubernetes.io/arch", "kubernetes.io/os", "beta.kubernetes.io/arch", "beta.kubernetes.io/os",
		"beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type", "failure-domain.beta.kubernetes.io/region",
		"failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/region", "topology.kubernetes.io/zone",
		"kubelet.kubernetes.io/mine", "node.kubernetes.io/mine", "sub.node.kubernetes.io/mine",
	} {
		examples = append(examples,
			example{"N15", "registering with " + label, create("n1", labelled(label, "x")), "", ""},
			example{"N15", "adding " + label, update(labelled(label, "x"), plain), "", ""},
			example{"N15", "removing " + label, status(plain, labelled(label, "x")), "", ""})
	}
	for _, label := range []string{
		"node-restriction.kubernetes.io/team", "sub.node-restriction.kubernetes.io/team", "node-role.kubernetes.io/control-plane", "kubernetes.io/role",
		"k8s.io/x", "sub.k8s.io/x", "sub.kubernetes.io/x", "topology.kubernetes.io/rack",
	} {
		examples = append(examples,
			example{"N15", "registering with " + label, create("n1", labelled(label, "x")), `node "n1" is not allowed to set the following labels: ` + label, ""},
			example{"N15", "adding " + label, update(labelled(label, "x"), plain), "is not allowed to modify labels: " + label, ""},
			example{"N15", "changing " + label, update(labelled(label, "y"), labelled(label, "x")), "is not allowed to modify labels: " + label, ""},
			example{"N15", "emptying " + label, update(labelled(label, ""), labelled(label, "x")), "is not allowed to modify labels: " + label, ""},
			example{"N15", "removing " + label + " through the status", status(plain, labelled(label, "")), "is not allowed to modify labels: " + label, ""})
	}
	return examples
}

func TestNodes(t *testing.T) { check(t, objects(), grants("", "", ""), nodeExamples()) }

func claimExamples() []example {
	claims := corev1.Resource("persistentvolumeclaims")
	claim := func(change func(*corev1.PersistentVolumeClaim)) *corev1.PersistentVolumeClaim {
		c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "disk", ResourceVersion: "1"}}
		if change != nil {
			change(c)
		}
		return c
	}
	status := func(change func(*corev1.PersistentVolumeClaim)) admission.Attributes {
		return on(n1, admission.Update, claims, "shop/disk#status", claim(change), claim(nil))
	}
	const only = "is not allowed to update fields other than status.capacity"
	return []example{
		{"N17", "the same", status(nil), "", ""},
		{"N17", "without a version, by another manager", status(func(c *corev1.PersistentVolumeClaim) {
			c.ResourceVersion, c.ManagedFields = "", []metav1.ManagedFieldsEntry{{Manager: "m"}}
		}), "", ""},
		{"N17", "what has grown", status(func(c *corev1.PersistentVolumeClaim) {
			c.Status.Capacity = corev1.ResourceList{}
			c.Status.Conditions = []corev1.PersistentVolumeClaimCondition{{Type: corev1.PersistentVolumeClaimFileSystemResizePending}}
			c.Status.AllocatedResources = corev1.ResourceList{}
			c.Status.AllocatedResourceStatuses = map[corev1.ResourceName]corev1.ClaimResourceStatus{corev1.ResourceStorage: corev1.PersistentVolumeClaimNodeResizeInProgress}
		}), "", ""},
		{"N17", "the phase", status(func(c *corev1.PersistentVolumeClaim) { c.Status.Phase = corev1.ClaimBound }), only, ""},
		{"N17", "the access modes", status(func(c *corev1.PersistentVolumeClaim) {
			c.Status.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}
		}), only, ""},
		{"N17", "labels", status(func(c *corev1.PersistentVolumeClaim) { c.Labels = map[string]string{"a": "b"} }), only, ""},
		{"N17", "annotations", status(func(c *corev1.PersistentVolumeClaim) { c.Annotations = map[string]string{"a": "b"} }), only, ""},
		{"N17", "finalizers", status(func(c *corev1.PersistentVolumeClaim) { c.Finalizers = []string{"a/b"} }), only, ""},
		{"N17", "owners", status(func(c *corev1.PersistentVolumeClaim) { c.OwnerReferences = []metav1.OwnerReference{{}} }), only, ""},
		{"N17", "the volume", status(func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = "pv" }), only, ""},
		{"N17", "the claim itself", on(n1, admission.Update, claims, "shop/disk", claim(nil), claim(nil)), "may only update PVC status", ""},
		{"N17", "making a claim", on(n1, admission.Create, claims, "shop/disk", claim(nil), nil), "may only update PVC status", ""},
		{"N17", "deleting it", on(n1, admission.Delete, claims, "shop/disk", nil, claim(nil)), "may only update PVC status", ""},
		{"N17", "deleting the status", on(n1, admission.Delete, claims, "shop/disk#status", nil, claim(nil)), "unexpected operation", ""},
	}
}

func TestClaims(t *testing.T) { check(t, objects(), grants("", "", ""), claimExamples()) }

func ownedExamples() []example {
	leases, csiNodes, slices := coordinationv1.Resource("leases"), storagev1.Resource("csinodes"), resourcev1.Resource("resourceslices")
	lease := func(name string) *coordinationv1.Lease {
		return &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	csi := func(name string) *storagev1.CSINode {
		return &storagev1.CSINode{ObjectMeta: metav1.ObjectMeta{Name: name}}
	}
	slice := func(node *string) *resourcev1.ResourceSlice {
		return &resourcev1.ResourceSlice{Spec: resourcev1.ResourceSliceSpec{NodeName: node}}
	}
	mine, foreign := slice(ptr.To("n1")), slice(ptr.To("n2"))
	const same, sameNode = "same name as the requesting node", "ResourceSlice with the same NodeName as the requesting node"
	return []example{
		{"N22", "its lease", on(n1, admission.Create, leases, "kube-node-lease/", lease("n1"), nil), "", ""},
		{"N22", "renewing it", on(n1, admission.Update, leases, "kube-node-lease/n1", lease("n1"), lease("n1")), "", ""},
		{"N22", "removing it", on(n1, admission.Delete, leases, "kube-node-lease/n1", nil, lease("n1")), "", ""},
		{"N22", "another's lease", on(n1, admission.Create, leases, "kube-node-lease/", lease("n2"), nil), same, ""},
		{"N22", "renewing another's", on(n1, admission.Update, leases, "kube-node-lease/n2", lease("n2"), lease("n2")), same, ""},
		{"N22", "removing another's", on(n1, admission.Delete, leases, "kube-node-lease/n2", nil, lease("n2")), same, ""},
		{"N22", "a lease elsewhere", on(n1, admission.Create, leases, "kube-system/", lease("n1"), nil), `can only access leases in the "kube-node-lease" system namespace`, ""},
		{"N23", "its CSINode", on(n1, admission.Create, csiNodes, "", csi("n1"), nil), "", ""},
		{"N23", "changing it", on(n1, admission.Update, csiNodes, "n1", csi("n1"), csi("n1")), "", ""},
		{"N23", "removing it", on(n1, admission.Delete, csiNodes, "n1", nil, csi("n1")), "", ""},
		{"N23", "another's CSINode", on(n1, admission.Create, csiNodes, "", csi("n2"), nil), same, ""},
		{"N23", "changing another's", on(n1, admission.Update, csiNodes, "n2", csi("n2"), csi("n2")), same, ""},
		{"N23", "removing another's", on(n1, admission.Delete, csiNodes, "n2", nil, csi("n2")), same, ""},
		{"N23", "its status", on(n1, admission.Update, csiNodes, "n1#status", csi("n1"), csi("n1")), "CSIVolumeHealth feature gate is disabled", ""},
		{"N24", "its slice", on(n1, admission.Create, slices, "", mine, nil), "", ""},
		{"N24", "changing it", on(n1, admission.Update, slices, "s", mine, mine), "", ""},
		{"N24", "removing it", on(n1, admission.Delete, slices, "s", nil, mine), "", ""},
		{"N24", "another's slice", on(n1, admission.Create, slices, "", foreign, nil), sameNode, ""},
		{"N24", "a slice of no node", on(n1, admission.Create, slices, "", slice(nil), nil), sameNode, ""},
		{"N24", "giving it away", on(n1, admission.Update, slices, "s", foreign, mine), sameNode, ""},
		{"N24", "removing another's", on(n1, admission.Delete, slices, "s", nil, foreign), sameNode, ""},
		{"N24", "removing one of no node", on(n1, admission.Delete, slices, "s", nil, slice(nil)), sameNode, ""},
	}
}

func TestOwned(t *testing.T) { check(t, objects(), grants("", "", ""), ownedExamples()) }

func signingRequest(t *testing.T, signer, commonName string) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: commonName}}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{
		SignerName: signer, Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
	}}
}

func certificateExamples(t *testing.T) []example {
	t.Helper()
	requests := certificatesv1.Resource("certificatesigningrequests")
	create := func(r *certificatesv1.CertificateSigningRequest) admission.Attributes {
		return on(n1, admission.Create, requests, "", r, nil)
	}
	const serving, client = certificatesv1.KubeletServingSignerName, certificatesv1.KubeAPIServerClientKubeletSignerName
	broken := signingRequest(t, serving, "system:node:n1")
	broken.Spec.Request = []byte("x")
	const only = "can only create a node CSR with CN=system:node:n1"
	return []example{
		{"N25", "to serve", create(signingRequest(t, serving, "system:node:n1")), "", ""},
		{"N25", "to be a client", create(signingRequest(t, client, "system:node:n1")), "", ""},
		{"N25", "of another signer", create(signingRequest(t, "example.com/s", "anybody")), "", ""},
		{"N25", "to serve as another", create(signingRequest(t, serving, "system:node:n2")), only, ""},
		{"N25", "to be another", create(signingRequest(t, client, "system:node:n2")), only, ""},
		{"N25", "to be nobody", create(signingRequest(t, client, "")), only, ""},
		{"N25", "to be an administrator", create(signingRequest(t, client, "admin")), only, ""},
		{"N25", "that is none", create(broken), "unable to parse csr: PEM block type must be CERTIFICATE REQUEST", ""},
	}
}

func TestCertificates(t *testing.T) { check(t, objects(), grants("", "", ""), certificateExamples(t)) }
