// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package requests

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"strings"

	certificatesv1 "k8s.io/api/certificates/v1"
	corev1 "k8s.io/api/core/v1"
)

const (
	nodePrefix = "system:node:"
	nodeGroup  = "system:nodes"
)

// Parse reads the PEM of a request.
func Parse(encoded []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(encoded)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	return x509.ParseCertificateRequest(block.Bytes)
}

// Has reports whether a request has a condition of that type.
func Has(request *certificatesv1.CertificateSigningRequest, kind certificatesv1.RequestConditionType) bool {
	return slices.ContainsFunc(request.Status.Conditions, func(c certificatesv1.CertificateSigningRequestCondition) bool {
		return c.Type == kind && c.Status != corev1.ConditionFalse
	})
}

// CheckNodeClient says why a request is not one for the client certificate of a node agent; nil means it is.
func CheckNodeClient(parsed *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	if err := checkNode(parsed); err != nil {
		return err
	}
	switch {
	case len(parsed.DNSNames) > 0:
		return errors.New("DNS subjectAltNames are not allowed")
	case len(parsed.IPAddresses) > 0:
		return errors.New("IP subjectAltNames are not allowed")
	}
	return checkUsages(usages, certificatesv1.UsageClientAuth)
}

// CheckNodeServing says why a request is not one for the serving certificate of a node agent; nil means it is.
func CheckNodeServing(parsed *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	if err := checkNode(parsed); err != nil {
		return err
	}
	if len(parsed.DNSNames)+len(parsed.IPAddresses) == 0 {
		return errors.New("DNS or IP subjectAltName is required")
	}
	return checkUsages(usages, certificatesv1.UsageServerAuth)
}

// CheckClient says why a request is not one for a client of the API server; nil means it is.
func CheckClient(_ *x509.CertificateRequest, usages []certificatesv1.KeyUsage) error {
	return checkUsages(usages, certificatesv1.UsageClientAuth)
}

// checkNode checks what is common to the certificates of node agents.
func checkNode(parsed *x509.CertificateRequest) error {
	switch {
	case !slices.Equal(parsed.Subject.Organization, []string{nodeGroup}):
		return errors.New("subject organization is not system:nodes")
	case !strings.HasPrefix(parsed.Subject.CommonName, nodePrefix) || parsed.Subject.CommonName == nodePrefix:
		return errors.New("subject common name does not begin with system:node:")
	case len(parsed.EmailAddresses) > 0:
		return errors.New("email subjectAltNames are not allowed")
	case len(parsed.URIs) > 0:
		return errors.New("URI subjectAltNames are not allowed")
	}
	return nil
}

// checkUsages wants purpose and digital signature; key encipherment, of use for RSA only, may be there.
func checkUsages(usages []certificatesv1.KeyUsage, purpose certificatesv1.KeyUsage) error {
	for _, usage := range usages {
		if usage != purpose && usage != certificatesv1.UsageDigitalSignature && usage != certificatesv1.UsageKeyEncipherment {
			return errors.New("usages did not match: " + string(usage) + " is not allowed")
		}
	}
	if !slices.Contains(usages, purpose) {
		return errors.New("usages did not match: " + string(purpose) + " is required")
	}
	return nil
}
