// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package signing

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"
	"time"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/client-go/util/cert"
	"k8s.io/utils/ptr"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newAuthority(t *testing.T, longest time.Duration) authority {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ca"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: epoch.Add(-time.Hour), NotAfter: epoch.Add(1000 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return authority{certificate: parsed, key: key, longest: longest}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newRequest(t *testing.T) *x509.CertificateRequest {
	t.Helper()
	template := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:a", Organization: []string{"system:nodes"}}, DNSNames: []string{"a"}}
	der, err := x509.CreateCertificateRequest(rand.Reader, template, newKey(t))
	if err != nil {
		t.Fatal(err)
	}
	request, err := x509.ParseCertificateRequest(der)
	if err != nil {
		t.Fatal(err)
	}
	return request
}

func TestSign(t *testing.T) {
	tests := []struct {
		name    string
		longest time.Duration
		seconds *int32
		want    time.Duration
	}{
		{"as long as the authority grants", 100 * time.Hour, nil, 100 * time.Hour},
		{"as long as was asked for", 100 * time.Hour, ptr.To(int32(3600)), time.Hour},
		{"no longer than is granted", 100 * time.Hour, ptr.To(int32(1000 * 3600)), 100 * time.Hour},
		{"no shorter than makes sense", 100 * time.Hour, ptr.To(int32(1)), shortest},
		{"no longer than the authority lives", 5000 * time.Hour, nil, 1000 * time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := newAuthority(t, test.longest)
			usages := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageServerAuth}
			encoded, err := a.sign(newRequest(t), usages, test.seconds, epoch)
			if err != nil {
				t.Fatal(err)
			}
			signed, err := cert.ParseCertsPEM(encoded)
			if err != nil {
				t.Fatal(err)
			}
			if life := signed[0].NotAfter.Sub(epoch); life != test.want {
				t.Errorf("the certificate lives for %s, want %s", life, test.want)
			}
			roots := x509.NewCertPool()
			roots.AddCert(a.certificate)
			if _, err := signed[0].Verify(x509.VerifyOptions{Roots: roots, DNSName: "a", CurrentTime: epoch}); err != nil {
				t.Error(err)
			}
			if signed[0].IsCA || signed[0].Subject.CommonName != "system:node:a" {
				t.Errorf("the certificate is for %s, CA: %t", signed[0].Subject, signed[0].IsCA)
			}
		})
	}
}

func TestSignRefusesUnknownUsages(t *testing.T) {
	if _, err := newAuthority(t, time.Hour).sign(newRequest(t), []certificatesv1.KeyUsage{"flying"}, nil, epoch); err == nil {
		t.Error("an unknown usage is signed")
	}
}
