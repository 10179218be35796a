// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1 "k8s.io/api/certificates/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/utils/ptr"
)

func TestChoose(t *testing.T) {
	plugins := []plugin{
		{name: "First", on: true, make: newTaintNodes}, {name: "Second", make: newTaintNodes}, {name: "Later", on: true}, {name: "Never"},
	}
	cases := map[string]struct {
		enable, disable []string
		want            []string
		err             string
	}{
		"as it is":     {nil, nil, []string{"First", "Later"}, ""},
		"one more":     {[]string{"Second"}, nil, []string{"First", "Second", "Later"}, ""},
		"one less":     {nil, []string{"First"}, []string{"Later"}, ""},
		"on anyway":    {[]string{"Later"}, nil, []string{"First", "Later"}, ""},
		"unknown":      {[]string{"Third"}, nil, nil, `unknown admission plugin "Third"; known are First, Second, Later, Never`},
		"both":         {[]string{"First"}, []string{"First"}, nil, "both enabled and disabled"},
		"not there":    {[]string{"Never"}, nil, nil, "admission plugin Never is not available"},
		"off, unknown": {nil, []string{"Third"}, nil, "unknown"},
	}
	for name, c := range cases {
		got, err := choose(plugins, c.enable, c.disable)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want an error with %q", name, err, c.err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, namesOf(got)); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
	if err := ValidateNames(nil, []string{"ServiceAccount", "LimitRanger", "ResourceQuota"}); err != nil {
		t.Errorf("names that test suites use: %v", err)
	}
}

func TestEveryPluginIsThereOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, name := range Names() {
		if seen[name] {
			t.Errorf("%s is there twice", name)
		}
		seen[name] = true
	}
}

func TestApplyAccount(t *testing.T) {
	account := &corev1.ServiceAccount{ImagePullSecrets: []corev1.LocalObjectReference{{Name: "pull"}}}
	name := func(base string) string { return base + "xyz" }
	mount := corev1.VolumeMount{Name: "kube-api-access-xyz", ReadOnly: true, MountPath: tokenMountPath}
	pod := func(change func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{Spec: corev1.PodSpec{InitContainers: []corev1.Container{{Name: "init"}}, Containers: []corev1.Container{{Name: "main"}}}}
		if change != nil {
			change(p)
		}
		return p
	}
	own := corev1.VolumeMount{Name: "own", MountPath: tokenMountPath + "/"}
	cases := map[string]struct {
		pod         *corev1.Pod
		off         bool
		volumes     int
		init, main  []corev1.VolumeMount
		pullSecrets []corev1.LocalObjectReference
	}{
		"by default":      {pod(nil), false, 1, []corev1.VolumeMount{mount}, []corev1.VolumeMount{mount}, account.ImagePullSecrets},
		"account says no": {pod(nil), true, 0, nil, nil, account.ImagePullSecrets},
		"pod says no":     {pod(func(p *corev1.Pod) { p.Spec.AutomountServiceAccountToken = ptr.To(false) }), false, 0, nil, nil, account.ImagePullSecrets},
		"pod says yes":    {pod(func(p *corev1.Pod) { p.Spec.AutomountServiceAccountToken = ptr.To(true) }), true, 1, []corev1.VolumeMount{mount}, []corev1.VolumeMount{mount}, account.ImagePullSecrets},
		"has its own":     {pod(func(p *corev1.Pod) { p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{own} }), false, 1, []corev1.VolumeMount{mount}, []corev1.VolumeMount{own}, account.ImagePullSecrets},
		"all have their own": {pod(func(p *corev1.Pod) {
			p.Spec.InitContainers, p.Spec.Containers[0].VolumeMounts = nil, []corev1.VolumeMount{own}
		}), false, 0, nil, []corev1.VolumeMount{own}, account.ImagePullSecrets},
		"has pull secrets": {pod(func(p *corev1.Pod) { p.Spec.ImagePullSecrets = []corev1.LocalObjectReference{{Name: "mine"}} }), true, 0, nil, nil, []corev1.LocalObjectReference{{Name: "mine"}}},
	}
	for label, c := range cases {
		t.Run(label, func(t *testing.T) {
			a := account.DeepCopy()
			if c.off {
				a.AutomountServiceAccountToken = ptr.To(false)
			}
			for range 2 { // plugins may be called again after a webhook
				applyAccount(c.pod, a, name)
			}
			if len(c.pod.Spec.Volumes) != c.volumes {
				t.Errorf("%d volumes, want %d", len(c.pod.Spec.Volumes), c.volumes)
			}
			var init []corev1.VolumeMount
			if len(c.pod.Spec.InitContainers) > 0 {
				init = c.pod.Spec.InitContainers[0].VolumeMounts
			}
			if diff := cmp.Diff(c.init, init); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.main, c.pod.Spec.Containers[0].VolumeMounts); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.pullSecrets, c.pod.Spec.ImagePullSecrets); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFindAccount(t *testing.T) {
	missing := apierrors.NewNotFound(corev1.Resource("serviceaccounts"), "x")
	calls := 0
	late := func(context.Context) (*corev1.ServiceAccount, error) {
		if calls++; calls < 3 {
			return nil, missing
		}
		return &corev1.ServiceAccount{}, nil
	}
	if _, err := findAccount(context.Background(), "shop", "default", late); err != nil {
		t.Errorf("the default account comes late: %v", err)
	}
	calls = 0
	if _, err := findAccount(context.Background(), "shop", "robot", late); err == nil || calls != 1 {
		t.Errorf("another account is not waited for: %v after %d calls", err, calls)
	}
}

func TestAddTolerations(t *testing.T) {
	with := func(t ...corev1.Toleration) *corev1.Pod { return &corev1.Pod{Spec: corev1.PodSpec{Tolerations: t}} }
	cases := map[string]struct {
		pod  *corev1.Pod
		want int
	}{
		"none":         {with(), 2},
		"everything":   {with(corev1.Toleration{Operator: corev1.TolerationOpExists}), 1},
		"one":          {with(corev1.Toleration{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, TolerationSeconds: ptr.To[int64](5), Effect: corev1.TaintEffectNoExecute}), 2},
		"other effect": {with(corev1.Toleration{Key: corev1.TaintNodeNotReady, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}), 3},
	}
	for name, c := range cases {
		addTolerations(c.pod)
		addTolerations(c.pod)
		if got := len(c.pod.Spec.Tolerations); got != c.want {
			t.Errorf("%s: %d tolerations, want %d", name, got, c.want)
		}
	}
}

func TestPriority(t *testing.T) {
	class := func(name string, value int32, global bool) *schedulingv1.PriorityClass {
		return &schedulingv1.PriorityClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Value: value, GlobalDefault: global}
	}
	never := class("never", 7, false)
	never.PreemptionPolicy = ptr.To(corev1.PreemptNever)
	classes := []*schedulingv1.PriorityClass{class("high", 100, false), never, class("usual", 10, true), class("slipped in", 20, true)}
	get := func(_ context.Context, name string) (*schedulingv1.PriorityClass, error) {
		for _, c := range classes {
			if c.Name == name {
				return c, nil
			}
		}
		return nil, apierrors.NewNotFound(schedulingv1.Resource("priorityclasses"), name)
	}
	all := func(labels.Selector) ([]*schedulingv1.PriorityClass, error) { return classes, nil }
	none := func(labels.Selector) ([]*schedulingv1.PriorityClass, error) { return nil, nil }
	cases := map[string]struct {
		spec     corev1.PodSpec
		list     func(labels.Selector) ([]*schedulingv1.PriorityClass, error)
		priority int32
		policy   corev1.PreemptionPolicy
		name     string
		err      string
	}{
		"named":               {corev1.PodSpec{PriorityClassName: "high"}, all, 100, corev1.PreemptLowerPriority, "high", ""},
		"that never preempts": {corev1.PodSpec{PriorityClassName: "never"}, all, 7, corev1.PreemptNever, "never", ""},
		"the smaller default": {corev1.PodSpec{}, all, 10, corev1.PreemptLowerPriority, "usual", ""},
		"no default":          {corev1.PodSpec{}, none, 0, corev1.PreemptLowerPriority, "", ""},
		"missing":             {corev1.PodSpec{PriorityClassName: "x"}, all, 0, "", "", "no PriorityClass with name x was found"},
		"own number":          {corev1.PodSpec{Priority: ptr.To[int32](5)}, none, 0, "", "", "the integer value of priority (5) must not be provided in pod spec; priority admission controller computed 0"},
		"the right number":    {corev1.PodSpec{PriorityClassName: "high", Priority: ptr.To[int32](100)}, all, 100, corev1.PreemptLowerPriority, "high", ""},
		"own policy":          {corev1.PodSpec{PreemptionPolicy: ptr.To(corev1.PreemptNever)}, none, 0, "", "", "the string value of PreemptionPolicy (Never)"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: c.spec}
			found, err := classOf(context.Background(), pod, get, c.list)
			if err == nil {
				err = applyPriority(pod, found)
			}
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%v, want an error with %q", err, c.err)
				}
				return
			}
			if err != nil || *pod.Spec.Priority != c.priority || *pod.Spec.PreemptionPolicy != c.policy || pod.Spec.PriorityClassName != c.name {
				t.Errorf("%v: %d %s %q", err, *pod.Spec.Priority, *pod.Spec.PreemptionPolicy, pod.Spec.PriorityClassName)
			}
		})
	}
	if err := checkOnlyDefault(class("new", 1, true), classes); err == nil || !strings.Contains(err.Error(), "PriorityClass usual is already marked as globalDefault. Only one default can exist") {
		t.Errorf("a second default: %v", err)
	}
	if err := checkOnlyDefault(class("usual", 1, true), classes); err != nil {
		t.Errorf("the default itself: %v", err)
	}
}

func TestAddTopology(t *testing.T) {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{corev1.LabelTopologyZone: "z1", "other": "x"}}}
	binding := &corev1.Binding{}
	addTopology(binding, node)
	if diff := cmp.Diff(map[string]string{corev1.LabelTopologyZone: "z1"}, binding.Labels); diff != "" {
		t.Error(diff)
	}
}

func signingRequest(t *testing.T, signer string, subject pkix.Name) *certificatesv1.CertificateSigningRequest {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: subject}, key)
	if err != nil {
		t.Fatal(err)
	}
	return &certificatesv1.CertificateSigningRequest{Spec: certificatesv1.CertificateSigningRequestSpec{
		SignerName: signer, Request: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}),
	}}
}

// on makes the attributes of a request.
func on(u user.Info, op admission.Operation, r schema.GroupResource, sub, namespace, name string, obj, old runtime.Object) admission.Attributes {
	return admission.NewAttributesRecord(obj, old, schema.GroupVersionKind{}, namespace, name, r.WithVersion("v1"), sub, op, nil, false, u)
}

func TestCertificates(t *testing.T) {
	grants := func(verb, name string) authorizer.Authorizer {
		return authorizer.AuthorizerFunc(func(_ context.Context, a authorizer.Attributes) (authorizer.Decision, string, error) {
			if a.GetVerb() == verb && a.GetName() == name && a.GetResource() == "signers" {
				return authorizer.DecisionAllow, "", nil
			}
			return authorizer.DecisionNoOpinion, "", nil
		})
	}
	ann := &user.DefaultInfo{Name: "ann"}
	plain := signingRequest(t, "example.com/robots", pkix.Name{CommonName: "r2"})
	signed := plain.DeepCopy()
	signed.Status.Certificate = []byte("x")
	masters := signingRequest(t, certificatesv1.KubeAPIServerClientSignerName, pkix.Name{CommonName: "ann", Organization: []string{"system:masters"}})
	cases := map[string]struct {
		make       func(*Config) (admission.Interface, error)
		authorizer authorizer.Authorizer
		request    admission.Attributes
		err        string
	}{
		"approving with the right":       {approvalOf, grants("approve", "example.com/robots"), on(ann, admission.Update, signingRequests, "approval", "", "r", plain, plain), ""},
		"with the right for the domain":  {approvalOf, grants("approve", "example.com/*"), on(ann, admission.Update, signingRequests, "approval", "", "r", plain, plain), ""},
		"without":                        {approvalOf, grants("sign", "example.com/robots"), on(ann, admission.Update, signingRequests, "approval", "", "r", plain, plain), `user not permitted to approve requests with signerName "example.com/robots"`},
		"signing with the right":         {signingOf, grants("sign", "example.com/robots"), on(ann, admission.Update, signingRequests, "status", "", "r", signed, plain), ""},
		"signing without":                {signingOf, grants("approve", "example.com/robots"), on(ann, admission.Update, signingRequests, "status", "", "r", signed, plain), `user not permitted to sign requests with signerName "example.com/robots"`},
		"a status that says nothing new": {signingOf, grants("", ""), on(ann, admission.Update, signingRequests, "status", "", "r", plain, plain), ""},
		"asking to be everything":        {subjectOf, grants("", ""), on(ann, admission.Create, signingRequests, "", "", "r", masters, nil), "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed"},
		"asking another signer":          {subjectOf, grants("", ""), on(ann, admission.Create, signingRequests, "", "", "r", signingRequest(t, "example.com/robots", pkix.Name{Organization: []string{"system:masters"}}), nil), ""},
	}
	for name, c := range cases {
		p, err := c.make(&Config{Authorizer: c.authorizer})
		if err != nil {
			t.Fatal(err)
		}
		expect(t, name, p.(admission.ValidationInterface).Validate(context.Background(), c.request, nil), c.err) // they validate
	}
}

func approvalOf(c *Config) (admission.Interface, error) { return newCertificateApproval(c, nil) }
func signingOf(c *Config) (admission.Interface, error)  { return newCertificateSigning(c, nil) }
func subjectOf(c *Config) (admission.Interface, error)  { return newCertificateSubject(c, nil) }

func expect(t *testing.T, name string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", name, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: %v, want an error with %q", name, err, want)
	}
}

// objects is what node agents' writes are compared with.
type objects struct{ pod *corev1.Pod }

func (o objects) ServiceAccount(context.Context, string, string, string) (*corev1.ServiceAccount, error) {
	return &corev1.ServiceAccount{}, nil
}

func (o objects) Secret(context.Context, string, string, string) (*corev1.Secret, error) {
	return &corev1.Secret{}, nil
}

func (o objects) Node(_ context.Context, name, _ string) (*corev1.Node, error) {
	return &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-n1"}}, nil
}

func (o objects) Pod(_ context.Context, _, name, _ string) (*corev1.Pod, error) {
	if name != o.pod.Name {
		return nil, apierrors.NewNotFound(corev1.Resource("pods"), name)
	}
	return o.pod, nil
}

func TestNodeRestriction(t *testing.T) {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "uid-web"},
		Spec: corev1.PodSpec{NodeName: "n1", Volumes: []corev1.Volume{{VolumeSource: corev1.VolumeSource{Projected: &corev1.ProjectedVolumeSource{
			Sources: []corev1.VolumeProjection{{ServiceAccountToken: &corev1.ServiceAccountTokenProjection{Audience: "vault"}}},
		}}}}},
	}
	p, err := newNodeRestriction(&Config{Objects: objects{pod}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	plugin := p.(admission.MutationInterface) // it does
	n1 := &user.DefaultInfo{Name: "system:node:n1", Groups: []string{"system:nodes"}}
	n2 := &user.DefaultInfo{Name: "system:node:n2", Groups: []string{"system:nodes"}}
	odd := &user.DefaultInfo{Name: "system:node:", Groups: []string{"system:nodes"}}
	pods, nodes, accounts := resource("", "pods"), resource("", "nodes"), resource("", "serviceaccounts")
	leases := resource("coordination.k8s.io", "leases")
	mirror := func(change func(*corev1.Pod)) *corev1.Pod {
		m := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: "kube-system", Name: "static-n1", Annotations: map[string]string{corev1.MirrorPodAnnotationKey: "x"},
				OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Node", Name: "n1", UID: "uid-n1", Controller: ptr.To(true)}},
			},
			Spec: corev1.PodSpec{NodeName: "n1"},
		}
		if change != nil {
			change(m)
		}
		return m
	}
	relabelled := pod.DeepCopy()
	relabelled.Labels = map[string]string{"a": "b"}
	node := func(name string, change func(*corev1.Node)) *corev1.Node {
		n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if change != nil {
			change(n)
		}
		return n
	}
	token := func(uid, audience string) *authenticationv1.TokenRequest {
		r := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
			BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "web", UID: types.UID(uid)},
		}}
		if audience != "" {
			r.Spec.Audiences = []string{audience}
		}
		return r
	}
	labelled := func(key string) func(*corev1.Node) {
		return func(n *corev1.Node) { n.Labels = map[string]string{key: "x"} }
	}
	tainted := func(n *corev1.Node) { n.Spec.Taints = []corev1.Taint{{Key: "a"}} }
	cases := map[string]struct {
		request admission.Attributes
		err     string
	}{
		"others may":                    {on(&user.DefaultInfo{Name: "ann"}, admission.Create, pods, "", "shop", "", pod, nil), ""},
		"a node without a name may not": {on(odd, admission.Create, pods, "", "shop", "", mirror(nil), nil), `could not determine node from user "system:node:"`},
		"its mirror pod":                {on(n1, admission.Create, pods, "", "kube-system", "", mirror(nil), nil), ""},
		"a pod that is no mirror":       {on(n1, admission.Create, pods, "", "shop", "", pod, nil), "can only create mirror pods"},
		"a mirror pod on another node":  {on(n2, admission.Create, pods, "", "kube-system", "", mirror(nil), nil), "can only create pods with spec.nodeName set to itself"},
		"a mirror pod of another owner": {on(n1, admission.Create, pods, "", "kube-system", "", mirror(func(p *corev1.Pod) { p.OwnerReferences[0].Name = "n2" }), nil), "owner reference set to itself"},
		"of a node of old":              {on(n1, admission.Create, pods, "", "kube-system", "", mirror(func(p *corev1.Pod) { p.OwnerReferences[0].UID = "old" }), nil), "UID mismatch"},
		"with a service account":        {on(n1, admission.Create, pods, "", "kube-system", "", mirror(func(p *corev1.Pod) { p.Spec.ServiceAccountName = "robot" }), nil), "reference a service account"},
		"with a secret": {on(n1, admission.Create, pods, "", "kube-system", "", mirror(func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{}}}}
		}), nil), "can not create pods that reference secrets"},
		"deleting its pod":            {on(n1, admission.Delete, pods, "", "shop", "web", nil, nil), ""},
		"deleting another's":          {on(n2, admission.Delete, pods, "", "shop", "web", nil, nil), "can only delete pods with spec.nodeName set to itself"},
		"deleting what is not there":  {on(n1, admission.Delete, pods, "", "shop", "gone", nil, nil), "not found"},
		"the status of its pod":       {on(n1, admission.Update, pods, "status", "shop", "web", pod, pod), ""},
		"the status of another's":     {on(n2, admission.Update, pods, "status", "shop", "web", pod, pod), "can only update pod status for pods with spec.nodeName set to itself"},
		"labels through status":       {on(n1, admission.Update, pods, "status", "shop", "web", relabelled, pod), "cannot update labels through pod status"},
		"evicting its pod":            {on(n1, admission.Create, pods, "eviction", "shop", "web", &policyv1.Eviction{}, nil), ""},
		"evicting another's":          {on(n2, admission.Create, pods, "eviction", "shop", "web", &policyv1.Eviction{}, nil), "can only evict pods with spec.nodeName set to itself"},
		"binding":                     {on(n1, admission.Create, pods, "binding", "shop", "web", &corev1.Binding{}, nil), "unexpected pod subresource"},
		"registering":                 {on(n1, admission.Create, nodes, "", "", "", node("n1", labelled("kubernetes.io/hostname")), nil), ""},
		"registering another":         {on(n1, admission.Create, nodes, "", "", "", node("n2", nil), nil), `node "n1" is not allowed to modify node "n2"`},
		"with a label not its own":    {on(n1, admission.Create, nodes, "", "", "", node("n1", labelled("node-restriction.kubernetes.io/team")), nil), "is not allowed to set the following labels: node-restriction.kubernetes.io/team"},
		"a label of the users":        {on(n1, admission.Update, nodes, "", "", "n1", node("n1", labelled("example.com/rack")), node("n1", nil)), ""},
		"a label of Kubernetes":       {on(n1, admission.Update, nodes, "", "", "n1", node("n1", labelled("node-role.kubernetes.io/control-plane")), node("n1", nil)), "is not allowed to modify labels"},
		"that was there":              {on(n1, admission.Update, nodes, "status", "", "n1", node("n1", labelled("node-role.kubernetes.io/control-plane")), node("n1", labelled("node-role.kubernetes.io/control-plane"))), ""},
		"taints":                      {on(n1, admission.Update, nodes, "", "", "n1", node("n1", tainted), node("n1", nil)), "is not allowed to modify taints"},
		"deleting itself":             {on(n1, admission.Delete, nodes, "", "", "n1", nil, nil), "is not allowed to delete nodes"},
		"a token of its pod":          {on(n1, admission.Create, accounts, "token", "shop", "robot", token("uid-web", ""), nil), ""},
		"with an audience of the pod": {on(n1, admission.Create, accounts, "token", "shop", "robot", token("uid-web", "vault"), nil), ""},
		"with another":                {on(n1, admission.Create, accounts, "token", "shop", "robot", token("uid-web", "bank"), nil), `audience "bank" not found in pod spec volume`},
		"of a pod of old":             {on(n1, admission.Create, accounts, "token", "shop", "robot", token("old", ""), nil), "does not match the UID in record"},
		"of no pod":                   {on(n1, admission.Create, accounts, "token", "shop", "robot", &authenticationv1.TokenRequest{}, nil), "node requested token not bound to a pod"},
		"of another's pod":            {on(n2, admission.Create, accounts, "token", "shop", "robot", token("uid-web", ""), nil), "node requested token bound to a pod scheduled on a different node"},
		"its lease":                   {on(n1, admission.Create, leases, "", "kube-node-lease", "", &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "n1"}}, nil), ""},
		"another's lease":             {on(n1, admission.Create, leases, "", "kube-node-lease", "", &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "n2"}}, nil), "same name as the requesting node"},
		"a lease elsewhere":           {on(n1, admission.Update, leases, "", "default", "n1", nil, nil), "system namespace"},
		"a certificate for itself":    {on(n1, admission.Create, signingRequests, "", "", "", signingRequest(t, certificatesv1.KubeletServingSignerName, pkix.Name{CommonName: "system:node:n1"}), nil), ""},
		"a certificate for another":   {on(n1, admission.Create, signingRequests, "", "", "", signingRequest(t, certificatesv1.KubeletServingSignerName, pkix.Name{CommonName: "system:node:n2"}), nil), "can only create a node CSR with CN=system:node:n1"},
	}
	for name, c := range cases {
		expect(t, name, plugin.Admit(context.Background(), c.request, nil), c.err)
	}
}
