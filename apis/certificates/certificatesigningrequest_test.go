// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package certificates

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/apis/internal/meta/metatest"
)

// material is a request and a certificate that are what they say.
type material struct {
	request, certificate []byte
}

func newMaterial(t *testing.T) material {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "ann"}}, key)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return material{
		request:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request}),
		certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
	}
}

func (m material) csr(change ...func(*certificatesv1.CertificateSigningRequest)) *certificatesv1.CertificateSigningRequest {
	csr := &certificatesv1.CertificateSigningRequest{
		ObjectMeta: metav1.ObjectMeta{Name: "ann"},
		Spec: certificatesv1.CertificateSigningRequestSpec{
			Request: m.request, SignerName: certificatesv1.KubeAPIServerClientSignerName,
			Usages: []certificatesv1.KeyUsage{certificatesv1.UsageClientAuth},
		},
	}
	for _, c := range change {
		c(csr)
	}
	return csr
}

func condition(t certificatesv1.RequestConditionType, status corev1.ConditionStatus) certificatesv1.CertificateSigningRequestCondition {
	return certificatesv1.CertificateSigningRequestCondition{Type: t, Status: status}
}

func conditions(list ...certificatesv1.CertificateSigningRequestCondition) func(*certificatesv1.CertificateSigningRequest) {
	return func(csr *certificatesv1.CertificateSigningRequest) { csr.Status.Conditions = list }
}

var (
	approved = condition(certificatesv1.CertificateApproved, corev1.ConditionTrue)
	denied   = condition(certificatesv1.CertificateDenied, corev1.ConditionTrue)
	failed   = condition(certificatesv1.CertificateFailed, corev1.ConditionTrue)
)

func TestValidateNewRequest(t *testing.T) {
	m := newMaterial(t)
	for name, c := range map[string]struct {
		change func(*certificatesv1.CertificateSigningRequest)
		want   []string
	}{
		"a usual one": {change: func(*certificatesv1.CertificateSigningRequest) {}},
		"no PEM": {func(csr *certificatesv1.CertificateSigningRequest) { csr.Spec.Request = []byte("x") },
			[]string{`spec.request: Invalid value: …`}},
		"a certificate instead": {func(csr *certificatesv1.CertificateSigningRequest) { csr.Spec.Request = m.certificate },
			[]string{`spec.request: Invalid value: …`}},
		"no usage": {func(csr *certificatesv1.CertificateSigningRequest) { csr.Spec.Usages = nil }, []string{`spec.usages: Required value`}},
		"strange usages": {func(csr *certificatesv1.CertificateSigningRequest) {
			csr.Spec.Usages = []certificatesv1.KeyUsage{"any", "any", "fun"}
		}, []string{`spec.usages[1]: Duplicate value: "any"`, `spec.usages[2]: Unsupported value: "fun": supported values: "any", "cert sign"…`}},
		"the legacy signer": {func(csr *certificatesv1.CertificateSigningRequest) {
			csr.Spec.SignerName = "kubernetes.io/legacy-unknown"
		},
			[]string{`spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version`}},
		"a short life": {func(csr *certificatesv1.CertificateSigningRequest) { csr.Spec.ExpirationSeconds = ptr.To[int32](599) },
			[]string{`spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)`}},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, validateRequest(m.csr(c.change), nil), c.want...)
		})
	}
}

func TestRequestErrorsNameTheFault(t *testing.T) {
	if err := checkRequestPEM([]byte("x")); err == nil || err.Error() != "PEM block type must be CERTIFICATE REQUEST" {
		t.Errorf("no PEM: %v", err)
	}
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte("x")})
	if err := checkRequestPEM(broken); err == nil || !strings.Contains(err.Error(), "asn1") {
		t.Errorf("broken request: %v", err)
	}
	m := newMaterial(t)
	for text, want := range map[string]string{
		"":                    "",
		string(m.certificate): "",
		"notes\n" + string(m.certificate) + "\nmore notes": "",
		"x":               "must contain at least one CERTIFICATE PEM block",
		string(m.request): `only CERTIFICATE PEM blocks are allowed, found "CERTIFICATE REQUEST"`,
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Headers: map[string]string{"a": "b"}, Bytes: []byte("x")})): "no PEM block headers are permitted",
		string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: nil})):                                               "found CERTIFICATE PEM block containing 0 certificates",
	} {
		got := ""
		if err := checkCertificatePEM([]byte(text)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%.30q: %q, want %q", text, got, want)
		}
	}
}

func TestValidateSignerName(t *testing.T) {
	label := strings.Repeat("a", 60)
	long := strings.Join([]string{label, label, label, label, label}, ".")
	for name, want := range map[string][]string{
		"kubernetes.io/kubelet-serving": nil,
		"example.com/a.b.c":             nil,
		"":                              {`name: Required value`},
		"example":                       {`name: Invalid value: "example": must be a fully qualified domain and path of the form 'example.com/signer-name'`},
		"example.com/a/b":               {`name: Invalid value: "example.com/a/b": must be a fully qualified domain and path of the form 'example.com/signer-name'`},
		"example/a":                     {`name: Invalid value: "example": should be a domain with at least two segments separated by dots`},
		"Example.com/a":                 {`name: Invalid value: "Example.com": validating label "Example": a lowercase RFC 1123 label must consist of…`},
		"example.com/A":                 {`name: Invalid value: "A": validating label "A": a lowercase RFC 1123 subdomain must consist of…`},
		long + ".com/a":                 {`name: Too long: may not be more than 253 bytes`},
		"example.com/" + long + "." + label: {
			`name: Too long: may not be more than 317 bytes`},
	} {
		t.Run(name, func(t *testing.T) {
			metatest.CheckErrors(t, ValidateSignerName(name, field.NewPath("name")), want...)
		})
	}
}

func TestWhoMayUpdateWhat(t *testing.T) {
	m := newMaterial(t)
	other := newMaterial(t)
	issued := func(text []byte) func(*certificatesv1.CertificateSigningRequest) {
		return func(csr *certificatesv1.CertificateSigningRequest) { csr.Status.Certificate = text }
	}
	reasoned := approved
	reasoned.Reason = "second thoughts"
	const noMore, noLess = `status.conditions: Forbidden: updates may not add a condition of type "`, `status.conditions: Forbidden: updates may not remove a condition of type "`
	for name, c := range map[string]struct {
		csr, old           *certificatesv1.CertificateSigningRequest
		want               []string // through /status
		wantApproval       []string // through /approval
		wantMain           []string // through the object itself
		differsByOperation bool
	}{
		"nothing": {csr: m.csr(), old: m.csr()},
		"approve": {
			csr: m.csr(conditions(approved)), old: m.csr(), differsByOperation: true,
			want: []string{noMore + `Approved"`}, wantMain: []string{noMore + `Approved"`},
		},
		"deny": {
			csr: m.csr(conditions(denied)), old: m.csr(), differsByOperation: true,
			want: []string{noMore + `Denied"`}, wantMain: []string{noMore + `Denied"`},
		},
		"take an approval back": {csr: m.csr(), old: m.csr(conditions(approved)), want: []string{noLess + `Approved"`}},
		"forget a failure":      {csr: m.csr(), old: m.csr(conditions(failed)), want: []string{noLess + `Failed"`}},
		"fail":                  {csr: m.csr(conditions(failed)), old: m.csr()},
		"deny what is approved": {
			csr: m.csr(conditions(approved, denied)), old: m.csr(conditions(approved)), differsByOperation: true,
			want:         []string{noMore + `Denied"`, `status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive`},
			wantMain:     []string{noMore + `Denied"`, `status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive`},
			wantApproval: []string{`status.conditions[1].type: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive`},
		},
		"reword an approval": {
			csr: m.csr(conditions(reasoned)), old: m.csr(conditions(approved)), differsByOperation: true,
			want:     []string{`status.conditions: Forbidden: updates may not modify a condition of type "Approved"`},
			wantMain: []string{`status.conditions: Forbidden: updates may not modify a condition of type "Approved"`},
		},
		"issue": {
			csr: m.csr(conditions(approved), issued(m.certificate)), old: m.csr(conditions(approved)), differsByOperation: true,
			wantMain:     []string{`status.certificate: Forbidden: updates may not set certificate content`},
			wantApproval: []string{`status.certificate: Forbidden: updates may not set certificate content`},
		},
		"issue again": {
			csr: m.csr(conditions(approved), issued(other.certificate)), old: m.csr(conditions(approved), issued(m.certificate)), differsByOperation: true,
			want:         []string{`status.certificate: Forbidden: updates may not modify existing certificate content`},
			wantMain:     []string{`status.certificate: Forbidden: updates may not set certificate content`},
			wantApproval: []string{`status.certificate: Forbidden: updates may not set certificate content`},
		},
		"an unapproved status": {
			csr: m.csr(conditions(condition("Failed", "False"), condition("Odd", "Maybe"), condition("", ""), condition("Odd", "True"))), old: m.csr(),
			want: []string{
				`status.conditions[0].status: Unsupported value: "False": supported values: "True"`,
				`status.conditions[1].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"`,
				`status.conditions[2].type: Required value`,
				`status.conditions[2].status: Required value`,
				`status.conditions[3]: Duplicate value: "Odd"`,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if !c.differsByOperation {
				c.wantApproval, c.wantMain = c.want, c.want
			}
			metatest.CheckErrors(t, validateRequestStatus(c.csr, c.old), c.want...)
			metatest.CheckErrors(t, ValidateApproval(c.csr, c.old), c.wantApproval...)
			metatest.CheckErrors(t, validateRequest(c.csr, c.old), c.wantMain...)
		})
	}
}

func TestRequesterIsStamped(t *testing.T) {
	ann := &user.DefaultInfo{Name: "ann", UID: "7", Groups: []string{"ops"}, Extra: map[string][]string{"scope": {"a"}}}
	csr := &certificatesv1.CertificateSigningRequest{}
	csr.Spec.Username, csr.Spec.Groups = "root", []string{"system:masters"}
	CertificateSigningRequests.OnCreate(request.WithUser(context.Background(), ann), csr)
	want := certificatesv1.CertificateSigningRequestSpec{
		Username: "ann", UID: "7", Groups: []string{"ops"}, Extra: map[string]certificatesv1.ExtraValue{"scope": {"a"}},
	}
	if diff := cmp.Diff(want, csr.Spec); diff != "" {
		t.Error(diff)
	}
	CertificateSigningRequests.OnCreate(context.Background(), csr)
	if csr.Spec.Username != "" || csr.Spec.Groups != nil || csr.Spec.Extra != nil {
		t.Errorf("without a user: %+v", csr.Spec)
	}
}

func TestSpecStaysAsItWasAskedFor(t *testing.T) {
	m := newMaterial(t)
	csr, old := m.csr(func(csr *certificatesv1.CertificateSigningRequest) { csr.Spec.SignerName = "example.com/other" }), m.csr()
	CertificateSigningRequests.OnUpdate(context.Background(), csr, old)
	if csr.Spec.SignerName != old.Spec.SignerName || !bytes.Equal(csr.Spec.Request, old.Spec.Request) {
		t.Errorf("spec is %+v", csr.Spec)
	}
}

func TestConditionsAreDated(t *testing.T) {
	m := newMaterial(t)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	before := metav1.NewTime(now.Add(-time.Hour))
	known := approved
	known.LastTransitionTime, known.LastUpdateTime = before, before
	old := m.csr(conditions(known))
	csr := m.csr(conditions(approved, failed))
	csr.Status.Certificate = m.certificate
	PrepareApproval(csr, old, now)
	if csr.Status.Certificate != nil {
		t.Error("an approval issues a certificate")
	}
	want := []certificatesv1.CertificateSigningRequestCondition{approved, failed}
	want[0].LastTransitionTime, want[0].LastUpdateTime = before, metav1.NewTime(now)
	want[1].LastTransitionTime, want[1].LastUpdateTime = metav1.NewTime(now), metav1.NewTime(now)
	if diff := cmp.Diff(want, csr.Status.Conditions); diff != "" {
		t.Error(diff)
	}
}

func TestSignersKeepTheApproval(t *testing.T) {
	m := newMaterial(t)
	explained := approved
	explained.Message = "by ann"
	csr := m.csr(conditions(approved, failed))
	CertificateSigningRequests.OnStatusUpdate(context.Background(), csr, m.csr(conditions(explained)))
	if got := csr.Status.Conditions[0].Message; got != "by ann" {
		t.Errorf("message of the approval is %q", got)
	}
	metatest.CheckErrors(t, validateRequestStatus(csr, m.csr(conditions(explained))))
}

func TestRequestRow(t *testing.T) {
	for state, change := range map[string]func(*certificatesv1.CertificateSigningRequest){
		"Pending":         conditions(),
		"Approved":        conditions(approved),
		"Denied":          conditions(denied),
		"Approved,Failed": conditions(approved, failed),
		"Approved,Issued": func(csr *certificatesv1.CertificateSigningRequest) {
			csr.Status.Conditions, csr.Status.Certificate = []certificatesv1.CertificateSigningRequestCondition{approved}, []byte("x")
		},
	} {
		csr := material{}.csr(change)
		csr.Spec.Username, csr.Spec.ExpirationSeconds = "ann", ptr.To[int32](3600)
		metatest.CheckRow(t, CertificateSigningRequests, csr, time.Now(), "Age=<unknown>",
			"SignerName=kubernetes.io/kube-apiserver-client", "Requestor=ann", "RequestedDuration=60m", "Condition="+state)
	}
	metatest.CheckRow(t, CertificateSigningRequests, &certificatesv1.CertificateSigningRequest{}, time.Now(), "Age=<unknown>",
		"SignerName=<none>", "Requestor=", "RequestedDuration=<none>", "Condition=Pending")
}
