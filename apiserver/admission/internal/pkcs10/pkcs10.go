// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pkcs10

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// Parse reads the first block of PEM data, which must be a certificate request. Its signature is not checked: whoever
// signs it does that.
func Parse(data []byte) (*x509.CertificateRequest, error) {
	block, _ := pem.Decode(data)
	if block == nil || block.Type != "CERTIFICATE REQUEST" {
		return nil, errors.New("PEM block type must be CERTIFICATE REQUEST")
	}
	return x509.ParseCertificateRequest(block.Bytes)
}
