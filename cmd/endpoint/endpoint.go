// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

// Package endpoint makes the HTTPS endpoint of a part (/healthz, /metrics and what it adds), guarded by the API server's
// word on who may see it.
package endpoint

import (
	"crypto/tls"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/client-go/rest"

	"coxswain.dev/coxswain/internal/pki"
	"coxswain.dev/coxswain/internal/serving"
)

// Config describes an endpoint.
type Config struct {
	serving.Config
	// Rest reaches the API server that judges requests.
	Rest *rest.Config
	// ClientCAFile verifies client certificates; empty accepts none.
	ClientCAFile string
	// CertFile and KeyFile are the serving certificate; when empty, one is made that nobody can verify.
	CertFile, KeyFile string
	// Certificate, when set, is used instead of the files.
	Certificate *tls.Certificate
}

// New makes the endpoint and opens its listeners.
func New(config Config) (*serving.Server, error) {
	certificate, err := config.certificate()
	if err != nil {
		return nil, err
	}
	config.Guard, err = serving.NewGuard(serving.GuardConfig{
		Rest: config.Rest, ClientCAFile: config.ClientCAFile,
		AlwaysAllowGroups: []string{user.SystemPrivilegedGroup}, // as with Kubernetes' programs; it helps while the API server is down
	})
	if err != nil {
		return nil, err
	}
	config.TLS = &tls.Config{
		MinVersion:   tls.VersionTLS12,
		ClientAuth:   tls.RequestClientCert, // verified by the guard, which also accepts tokens
		Certificates: []tls.Certificate{*certificate},
	}
	return serving.New(config.Config)
}

func (c Config) certificate() (*tls.Certificate, error) {
	if c.Certificate != nil {
		return c.Certificate, nil
	}
	if c.CertFile != "" || c.KeyFile != "" {
		loaded, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("reading --tls-cert-file and --tls-private-key-file: %w", err)
		}
		return &loaded, nil
	}
	return selfSigned(time.Now())
}

// selfSigned makes a certificate that lives as long as the process.
func selfSigned(now time.Time) (*tls.Certificate, error) {
	dir, err := os.MkdirTemp("", "coxswain-cert-")
	if err != nil {
		return nil, fmt.Errorf("making a serving certificate: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }() // nothing in it is needed any more
	ca, err := pki.Authority(filepath.Join(dir, "ca"), "coxswain-self-signed", now)
	if err != nil {
		return nil, fmt.Errorf("making a serving certificate: %w", err)
	}
	return Issue(ca, now)
}

// Issue makes a certificate for loopback, signed by ca.
func Issue(ca *pki.Pair, now time.Time) (*tls.Certificate, error) {
	pair, err := ca.New(pki.Leaf{CommonName: "coxswain", Names: []string{"localhost", "127.0.0.1", "::1"}, Server: true}, now)
	if err != nil {
		return nil, fmt.Errorf("making a serving certificate: %w", err)
	}
	return Certificate(pair), nil
}

// Certificate is pair as crypto/tls wants it.
func Certificate(pair *pki.Pair) *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{pair.Cert.Raw}, PrivateKey: pair.Key, Leaf: pair.Cert}
}
