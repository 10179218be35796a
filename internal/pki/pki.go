// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"k8s.io/client-go/util/keyutil"
)

const (
	caLife   = 10 * 365 * 24 * time.Hour
	leafLife = 365 * 24 * time.Hour
	// renewBefore is how long before its end a leaf is made anew when the cluster starts.
	renewBefore = 90 * 24 * time.Hour
	// backdate forgives clocks that run behind.
	backdate = time.Hour
)

// Pair is a certificate with its key, in memory and, when Path is set, on disk as Path.crt and Path.key.
type Pair struct {
	Cert *x509.Certificate
	Key  crypto.Signer
	Path string
}

// CertFile is where the certificate is.
func (p *Pair) CertFile() string { return p.Path + ".crt" }

// KeyFile is where the key is.
func (p *Pair) KeyFile() string { return p.Path + ".key" }

// CertPEM is the certificate in PEM form.
func (p *Pair) CertPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.Cert.Raw})
}

// KeyPEM is the key in PEM form.
func (p *Pair) KeyPEM() ([]byte, error) { return keyutil.MarshalPrivateKeyToPEM(p.Key) }

// Leaf is what a certificate is to say.
type Leaf struct {
	CommonName    string
	Organizations []string
	// Names are DNS names or IP addresses; none for pure client certificates.
	Names []string
	// Server and Client are the key usages.
	Server, Client bool
}

// Authority loads the authority kept at path (without suffix), or makes it when neither file exists.
// One file without the other, or a certificate that is no authority, is an error: it is never replaced, since
// everything it has signed would stop working.
func Authority(path, commonName string, now time.Time) (*Pair, error) {
	pair, err := load(path)
	if err == nil {
		if !pair.Cert.IsCA {
			return nil, fmt.Errorf("reading %s: the certificate is not a certificate authority", pair.CertFile())
		}
		if now.After(pair.Cert.NotAfter) {
			return nil, fmt.Errorf("reading %s: the certificate authority expired on %s", pair.CertFile(), pair.Cert.NotAfter.Format(time.DateOnly))
		}
		return pair, nil
	}
	if !errors.Is(err, os.ErrNotExist) || exists(path+".crt") || exists(path+".key") {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("making a key for %s: %w", path, err)
	}
	template, err := newTemplate(pkix.Name{CommonName: commonName}, now, caLife)
	if err != nil {
		return nil, err
	}
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageCertSign
	template.DNSNames = []string{commonName}
	cert, err := sign(template, template, key.Public(), key)
	if err != nil {
		return nil, fmt.Errorf("signing %s: %w", path, err)
	}
	pair = &Pair{Cert: cert, Key: key, Path: path}
	return pair, pair.write()
}

// Issue loads the certificate at path, or makes it anew when it is missing, unreadable, near its end, signed by
// another authority, or does not say what leaf asks for.
func (ca *Pair) Issue(path string, leaf Leaf, now time.Time) (*Pair, error) {
	if pair, err := load(path); err == nil && ca.fits(pair, leaf, now) {
		return pair, nil
	}
	pair, err := ca.New(leaf, now)
	if err != nil {
		return nil, fmt.Errorf("making %s: %w", path, err)
	}
	pair.Path = path
	return pair, pair.write()
}

// New makes a certificate that is kept nowhere.
func (ca *Pair) New(leaf Leaf, now time.Time) (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template, err := newTemplate(pkix.Name{CommonName: leaf.CommonName, Organization: leaf.Organizations}, now, leafLife)
	if err != nil {
		return nil, err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	if leaf.Server {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageServerAuth)
	}
	if leaf.Client {
		template.ExtKeyUsage = append(template.ExtKeyUsage, x509.ExtKeyUsageClientAuth)
	}
	for _, name := range leaf.Names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	cert, err := sign(template, ca.Cert, key.Public(), ca.Key)
	if err != nil {
		return nil, err
	}
	return &Pair{Cert: cert, Key: key}, nil
}

// SigningKey loads the key that signs service account tokens from path.key, or makes it, and writes path.pub beside it.
func SigningKey(path string) (crypto.Signer, error) {
	file := path + ".key"
	if data, err := os.ReadFile(file); err == nil {
		key, err := keyutil.ParsePrivateKeyPEM(data)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		signer, ok := key.(crypto.Signer)
		if !ok {
			return nil, fmt.Errorf("reading %s: the key cannot sign", file)
		}
		return signer, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	private, err := keyutil.MarshalPrivateKeyToPEM(key)
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return nil, err
	}
	publicPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	if err := errors.Join(writeFile(path+".pub", publicPEM, 0o644), writeFile(file, private, 0o600)); err != nil {
		return nil, err
	}
	return key, nil
}

func (ca *Pair) fits(pair *Pair, leaf Leaf, now time.Time) bool {
	if now.Add(renewBefore).After(pair.Cert.NotAfter) || now.Before(pair.Cert.NotBefore) {
		return false
	}
	if pair.Cert.CheckSignatureFrom(ca.Cert) != nil || pair.Cert.Subject.CommonName != leaf.CommonName {
		return false
	}
	if !slices.Equal(slices.Sorted(slices.Values(pair.Cert.Subject.Organization)), slices.Sorted(slices.Values(leaf.Organizations))) {
		return false
	}
	for _, name := range leaf.Names {
		if pair.Cert.VerifyHostname(name) != nil {
			return false
		}
	}
	return true
}

func newTemplate(subject pkix.Name, now time.Time, life time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("making a serial number: %w", err)
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      subject,
		NotBefore:    now.Add(-backdate).UTC(),
		NotAfter:     now.Add(life).UTC(),
	}, nil
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

func load(path string) (*Pair, error) {
	certPEM, err := os.ReadFile(path + ".crt")
	if err != nil {
		return nil, err
	}
	keyPEM, err := os.ReadFile(path + ".key")
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(certPEM)
	if block == nil {
		return nil, fmt.Errorf("reading %s.crt: not a PEM file", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading %s.crt: %w", path, err)
	}
	key, err := keyutil.ParsePrivateKeyPEM(keyPEM)
	if err != nil {
		return nil, fmt.Errorf("reading %s.key: %w", path, err)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("reading %s.key: the key cannot sign", path)
	}
	if public, ok := signer.Public().(*ecdsa.PublicKey); ok && !public.Equal(cert.PublicKey) {
		return nil, fmt.Errorf("reading %s.key: the key does not belong to %s.crt", path, path)
	}
	return &Pair{Cert: cert, Key: signer, Path: path}, nil
}

func (p *Pair) write() error {
	key, err := p.KeyPEM()
	if err != nil {
		return err
	}
	return errors.Join(writeFile(p.KeyFile(), key, 0o600), writeFile(p.CertFile(), p.CertPEM(), 0o644))
}

// writeFile replaces name in one step, so that a crash leaves the old file or the new one.
func writeFile(name string, data []byte, mode os.FileMode) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return err
	}
	file, err := os.CreateTemp(filepath.Dir(name), ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(file.Name()) }() // gone already when all went well
	_, err = file.Write(data)
	if err := errors.Join(err, file.Chmod(mode), file.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	return os.Rename(file.Name(), name)
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}
