// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	testingclock "k8s.io/utils/clock/testing"
)

// authorities is a bundle that changes.
type authorities struct {
	dynamiccertificates.CAContentProvider
}

func bundle(t *testing.T, certificate *x509.Certificate) dynamiccertificates.CAContentProvider {
	t.Helper()
	content := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})
	provider, err := dynamiccertificates.NewStaticCAContent("test", content)
	if err != nil {
		t.Fatal(err)
	}
	return provider
}

// counting counts what is really verified.
type counting struct {
	next  authenticator.Request
	count int
}

func (c *counting) AuthenticateRequest(r *http.Request) (*authenticator.Response, bool, error) {
	c.count++
	return c.next.AuthenticateRequest(r)
}

func TestCertificatesAreVerifiedOnceAMinute(t *testing.T) {
	ca, key := issue(t, pkix.Name{CommonName: "ca"}, nil, nil)
	other, _ := issue(t, pkix.Name{CommonName: "other"}, nil, nil)
	jane, _ := issue(t, pkix.Name{CommonName: "jane", Organization: []string{"developers"}}, ca, key)
	joe, _ := issue(t, pkix.Name{CommonName: "joe"}, ca, key)
	request := func(certificate *x509.Certificate) *http.Request {
		return &http.Request{TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{certificate}}}
	}
	trusted := &authorities{bundle(t, ca)}
	clock := testingclock.NewFakePassiveClock(time.Now())
	c := newCertificates(trusted, clock)
	c.verify = newCertificates(trusted, clock).verify // reads the authorities anew, as the field does
	real := &counting{next: c.verify}
	c.verify = real

	for _, step := range []struct {
		name        string
		before      func()
		certificate *x509.Certificate
		user        string // empty when it is refused
		verified    int    // how often so far
	}{
		{"the first request is verified", nil, jane, "jane", 1},
		{"the next one is known", nil, jane, "jane", 1},
		{"another certificate is another matter", nil, joe, "joe", 2},
		{"after a minute it is verified again", func() { clock.SetTime(clock.Now().Add(certificateTTL)) }, jane, "jane", 3},
		{"and then known again", nil, jane, "jane", 3},
		{"authorities that changed are obeyed at once", func() { trusted.CAContentProvider = bundle(t, other) }, jane, "", 4},
		{"and refusals are not remembered", nil, jane, "", 5},
		{"until they are back", func() { trusted.CAContentProvider = bundle(t, ca) }, jane, "jane", 5},
		{"a certificate that has run out is not known", func() { clock.SetTime(jane.NotAfter) }, jane, "jane", 6},
	} {
		if step.before != nil {
			step.before()
		}
		response, ok, err := c.AuthenticateRequest(request(step.certificate))
		if ok != (step.user != "") || (err != nil) != (step.user == "") {
			t.Fatalf("%s: got %v, %v", step.name, ok, err)
		}
		if ok && response.User.GetName() != step.user {
			t.Errorf("%s: got user %s, want %s", step.name, response.User.GetName(), step.user)
		}
		if real.count != step.verified {
			t.Errorf("%s: verified %d times, want %d", step.name, real.count, step.verified)
		}
	}
	if _, ok, err := c.AuthenticateRequest(&http.Request{}); ok || err != nil {
		t.Errorf("without a certificate: got %v, %v", ok, err)
	}
}

func TestKnownCertificatesGiveWhatTheLibraryGives(t *testing.T) {
	ca, key := issue(t, pkix.Name{CommonName: "ca"}, nil, nil)
	jane, _ := issue(t, pkix.Name{CommonName: "jane", Organization: []string{"developers", "admins"}}, ca, key)
	request := &http.Request{TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{jane}}}
	c := newCertificates(bundle(t, ca), testingclock.NewFakePassiveClock(time.Now()))
	first, _, err := c.AuthenticateRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	second, _, err := c.AuthenticateRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Error(diff)
	}
	// What one request's filters do to an identity is not seen by the next.
	spoiled := second.User.(*user.DefaultInfo)
	spoiled.Groups[0], spoiled.Extra[user.CredentialIDKey] = "spoiled", nil
	third, _, err := c.AuthenticateRequest(request)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, third); diff != "" {
		t.Error(diff)
	}
}
