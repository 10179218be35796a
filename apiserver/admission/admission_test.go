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
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
