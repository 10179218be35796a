// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"
	"testing"

	certificatesv1 "k8s.io/api/certificates/v1"
)

func TestChecks(t *testing.T) {
	node := func(change ...func(*x509.CertificateRequest)) *x509.CertificateRequest {
		r := &x509.CertificateRequest{Subject: pkix.Name{CommonName: "system:node:a", Organization: []string{"system:nodes"}}}
		for _, f := range change {
			f(r)
		}
		return r
	}
	withIP := func(r *x509.CertificateRequest) { r.IPAddresses = []net.IP{net.IPv4(10, 0, 0, 1)} }
	client := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageClientAuth}
	server := []certificatesv1.KeyUsage{certificatesv1.UsageDigitalSignature, certificatesv1.UsageKeyEncipherment, certificatesv1.UsageServerAuth}
	tests := []struct {
		name   string
		check  func(*x509.CertificateRequest, []certificatesv1.KeyUsage) error
		parsed *x509.CertificateRequest
		usages []certificatesv1.KeyUsage
		want   string
	}{
		{"a node's client certificate", CheckNodeClient, node(), client, ""},
		{"with an address", CheckNodeClient, node(withIP), client, "IP"},
		{"in another group", CheckNodeClient, node(func(r *x509.CertificateRequest) { r.Subject.Organization = []string{"system:masters"} }), client, "organization"},
		{"without a node's name", CheckNodeClient, node(func(r *x509.CertificateRequest) { r.Subject.CommonName = "system:node:" }), client, "common name"},
		{"for serving", CheckNodeClient, node(), server, "not allowed"},
		{"for nothing", CheckNodeClient, node(), nil, "required"},
		{"a node's serving certificate", CheckNodeServing, node(withIP), server, ""},
		{"a serving certificate for no address", CheckNodeServing, node(), server, "required"},
		{"a serving certificate for a URI", CheckNodeServing, node(withIP, func(r *x509.CertificateRequest) { r.URIs = []*url.URL{{}} }), server, "URI"},
		{"any client", CheckClient, &x509.CertificateRequest{}, client, ""},
		{"any client that would serve", CheckClient, &x509.CertificateRequest{}, server, "not allowed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := test.check(test.parsed, test.usages)
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
