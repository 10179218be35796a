// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/internal/pki"
)

// Certificates that no authority of clients made for a client, today.
func TestCertificatesThatAreNotAClients(t *testing.T) {
	now := time.Now()
	issue := func(authority *pki.Pair, leaf pki.Leaf, when time.Time) identity {
		t.Helper()
		pair, err := authority.New(leaf, when)
		if err != nil {
			t.Fatal(err)
		}
		return withCertificate(t, pair)
	}
	admin := pki.Leaf{CommonName: "kubernetes-admin", Organizations: []string{"system:masters"}, Client: true}
	server := admin
	server.Client, server.Server, server.Names = false, true, []string{"127.0.0.1"}
	for name, who := range map[string]identity{
		"of another cluster's authority":  issue(target.foreign.CA, admin, now),
		"of the front proxy's authority":  issue(target.certs.FrontProxyCA, admin, now),
		"expired":                         issue(target.certs.CA, admin, now.Add(-20*365*24*time.Hour)),
		"of a time to come":               issue(target.certs.CA, admin, now.Add(2*365*24*time.Hour)),
		"for servers only":                issue(target.certs.CA, server, now),
		"that a client signed":            selfMade(t, admin),
		"the front proxy's own":           withCertificate(t, target.certs.FrontProxyClient),
		"the server's own, as the client": withCertificate(t, target.certs.APIServer),
	} {
		got, err := who.try(t.Context(), http.MethodGet, "/api/v1/namespaces/kube-system/secrets", nil)
		if err == nil && got.code != http.StatusUnauthorized && got.code != http.StatusForbidden {
			t.Errorf("a certificate %s: %d %s", name, got.code, got.message())
		}
	}
	still(t)
}

// selfMade is signed by a certificate that is good itself but no authority's.
func selfMade(t *testing.T, leaf pki.Leaf) identity {
	t.Helper()
	signer, err := target.certs.CA.New(pki.Leaf{CommonName: "mallory", Client: true}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	pair, err := signer.New(leaf, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return withCertificate(t, pair)
}

// The identity that the API server shows to node agents is good for that, and for nothing at the API server but what
// everybody may.
func TestTheKubeletClientIsNobodyElsewhere(t *testing.T) {
	who := withCertificate(t, target.certs.APIServerKubeletClient)
	info, _ := who.whoami(t)
	if info.Username != "kube-apiserver-kubelet-client" {
		t.Fatalf("the certificate is that of %q", info.Username)
	}
	for _, group := range info.Groups {
		if group == "system:masters" {
			t.Error("the certificate towards agents is a member of system:masters")
		}
	}
	for _, path := range []string{"/api/v1/secrets", "/api/v1/pods", "/apis/rbac.authorization.k8s.io/v1/clusterroles", "/metrics"} {
		if got := who.ask(t, http.MethodGet, path, nil); got.code != http.StatusForbidden {
			t.Errorf("GET %s with it: %d", path, got.code)
		}
	}
}

// requestFor is a certificate request in PEM.
func requestFor(t *testing.T, name string, organizations []string, change func(*x509.CertificateRequest)) []byte {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: name, Organization: organizations}}
	if change != nil {
		change(template)
	}
	raw, err := x509.CreateCertificateRequest(rand.Reader, template, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: raw})
}

const signingRequests = "/apis/certificates.k8s.io/v1/certificatesigningrequests"

func signingRequest(name, signer string, request []byte, usages ...certificatesv1.KeyUsage) *certificatesv1.CertificateSigningRequest {
	if len(usages) == 0 {
		usages = []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}
	}
	return &certificatesv1.CertificateSigningRequest{
		TypeMeta:   metav1.TypeMeta{APIVersion: "certificates.k8s.io/v1", Kind: "CertificateSigningRequest"},
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec:       certificatesv1.CertificateSigningRequestSpec{Request: request, SignerName: signer, Usages: usages},
	}
}

// A node asks for certificates in its own name only.
func TestNodesAskForTheirOwnCertificates(t *testing.T) {
	node := userNamed(t, "system:node:n1", "system:nodes")
	nodes := []string{"system:nodes"}
	serving := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth}
	for name, r := range map[string]*certificatesv1.CertificateSigningRequest{
		"another-node":         signingRequest("another-node", certificatesv1.KubeAPIServerClientKubeletSignerName, requestFor(t, "system:node:n2", nodes, nil)),
		"an-administrator":     signingRequest("an-administrator", certificatesv1.KubeAPIServerClientKubeletSignerName, requestFor(t, "kubernetes-admin", []string{"system:masters"}, nil)),
		"anothers-serving":     signingRequest("anothers-serving", certificatesv1.KubeletServingSignerName, requestFor(t, "system:node:n2", nodes, nil), serving...),
		"masters-by-any-means": signingRequest("masters-by-any-means", certificatesv1.KubeAPIServerClientSignerName, requestFor(t, "x", []string{"system:masters"}, nil)),
	} {
		if got := node.ask(t, http.MethodPost, signingRequests, r); got.code != http.StatusForbidden {
			t.Errorf("a node's request for %s: %d %s", name, got.code, got.message())
		}
	}
	if got := node.ask(t, http.MethodPost, signingRequests, signingRequest("own", certificatesv1.KubeAPIServerClientKubeletSignerName,
		requestFor(t, "system:node:n1", nodes, nil))); got.code != http.StatusCreated {
		t.Errorf("a node's request in its own name: %d %s", got.code, got.message())
	}
}

// Nobody gets a certificate of system:masters from the signer of clients, not even an administrator.
func TestNoCertificateMakesAMaster(t *testing.T) {
	alice := userNamed(t, "alice")
	for _, organizations := range [][]string{{"system:masters"}, {"harmless", "system:masters"}} {
		r := signingRequest("master-"+organizations[0][:4], certificatesv1.KubeAPIServerClientSignerName, requestFor(t, "x", organizations, nil))
		if got := alice.ask(t, http.MethodPost, signingRequests, r); got.code != http.StatusForbidden {
			t.Errorf("%v: %d %s", organizations, got.code, got.message())
		}
	}
}

// Who asked is what the server writes down, not what the request says; and neither it nor the request changes afterwards.
func TestRequestsSayWhoAskedForThem(t *testing.T) {
	mallory := userNamed(t, "system:bootstrap:abcdef", "system:bootstrappers")
	r := signingRequest("spoofed", certificatesv1.KubeAPIServerClientKubeletSignerName, requestFor(t, "system:node:spoofed", []string{"system:nodes"}, nil))
	r.Spec.Username, r.Spec.Groups, r.Spec.UID = "kubernetes-admin", []string{"system:masters"}, "1"
	r.Status.Conditions = []certificatesv1.CertificateSigningRequestCondition{{Type: certificatesv1.CertificateApproved, Status: "True", Reason: "Forged"}}
	r.Status.Certificate = []byte("-----BEGIN CERTIFICATE-----\n")
	if got := mallory.ask(t, http.MethodPost, signingRequests, r); got.code != http.StatusCreated {
		t.Fatalf("%d %s", got.code, got.message())
	}
	kept, err := target.admin.CertificatesV1().CertificateSigningRequests().Get(t.Context(), "spoofed", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if kept.Spec.Username != "system:bootstrap:abcdef" || strings.Contains(strings.Join(kept.Spec.Groups, " "), "masters") || kept.Spec.UID != "" {
		t.Errorf("the request is of %q %v %q", kept.Spec.Username, kept.Spec.Groups, kept.Spec.UID)
	}
	if len(kept.Status.Conditions) > 0 || len(kept.Status.Certificate) > 0 {
		t.Errorf("a new request has the status %+v", kept.Status)
	}
	changed := kept.DeepCopy()
	changed.Spec.Username = "kubernetes-admin"
	changed.Spec.Request = requestFor(t, "system:node:other", []string{"system:nodes"}, nil)
	if updated, err := target.admin.CertificatesV1().CertificateSigningRequests().Update(t.Context(), changed, metav1.UpdateOptions{}); err == nil &&
		(updated.Spec.Username != kept.Spec.Username || string(updated.Spec.Request) != string(kept.Spec.Request)) {
		t.Error("what was asked for, or by whom, could be changed")
	}
	// Approving takes the right to approve for that signer, beside the right to the subresource.
	if got := mallory.ask(t, http.MethodPut, signingRequests+"/spoofed/approval", r); got.code != http.StatusForbidden {
		t.Errorf("approving one's own request: %d", got.code)
	}
}

// The right to approve or sign is a right to one signer's requests.
func TestApprovingAndSigningTakeTheSignersRight(t *testing.T) {
	mallory := userNamed(t, "approver")
	grant(t, "approver", policyRule("certificates.k8s.io", "get,update,patch", "certificatesigningrequests/approval", "certificatesigningrequests/status", "certificatesigningrequests"))
	r := signingRequest("for-approval", certificatesv1.KubeAPIServerClientSignerName, requestFor(t, "somebody", nil, nil))
	if got := userNamed(t, "alice").ask(t, http.MethodPost, signingRequests, r); got.code != http.StatusCreated {
		t.Fatalf("%d %s", got.code, got.message())
	}
	approval := `{"status":{"conditions":[{"type":"Approved","status":"True","reason":"x","message":"x"}]}}`
	if got := mallory.ask(t, http.MethodPatch, signingRequests+"/for-approval/approval", approval, "Content-Type", "application/merge-patch+json"); got.code != http.StatusForbidden {
		t.Errorf("approving without the signer's right: %d %s", got.code, got.message())
	}
	certificate := map[string]any{"status": map[string]any{"certificate": target.certs.Admin.CertPEM()}}
	if got := mallory.ask(t, http.MethodPatch, signingRequests+"/for-approval/status", certificate, "Content-Type", "application/merge-patch+json"); got.code != http.StatusForbidden {
		t.Errorf("signing without the signer's right: %d %s", got.code, got.message())
	}
	through := mallory.ask(t, http.MethodPatch, signingRequests+"/for-approval", approval, "Content-Type", "application/merge-patch+json")
	kept, err := target.admin.CertificatesV1().CertificateSigningRequests().Get(t.Context(), "for-approval", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(kept.Status.Conditions) > 0 {
		t.Errorf("approved through the main resource (%d)", through.code)
	}
}

// Names and addresses in a request for a serving certificate that are not a node's are for its approver and signer to
// refuse; what no parser should see is refused at once.
func TestRequestsThatAreNone(t *testing.T) {
	alice := userNamed(t, "alice")
	good := requestFor(t, "x", nil, func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)} })
	for name, request := range map[string][]byte{
		"nothing":         {},
		"no PEM":          []byte("x"),
		"another block":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: target.certs.CA.Cert.Raw}),
		"a broken one":    append(good[:len(good)/2:len(good)/2], good[len(good)/2+10:]...),
		"an empty body":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST"}),
		"a megabyte of A": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: make([]byte, 1<<20)}),
	} {
		got := alice.ask(t, http.MethodPost, signingRequests, signingRequest("no-request", certificatesv1.KubeAPIServerClientSignerName, request))
		if got.code < 400 || got.code >= 500 {
			t.Errorf("%s: %d %s", name, got.code, got.message())
		}
	}
}
