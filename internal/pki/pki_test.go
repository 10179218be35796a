// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

var today = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func TestClusterIsStableAndRenewed(t *testing.T) {
	dir := t.TempDir()
	first, err := Ensure(dir, []string{"10.96.0.1"}, today)
	if err != nil {
		t.Fatal(err)
	}
	for name, later := range map[string]struct {
		now     time.Time
		names   []string
		renewed bool
	}{
		"a day later nothing changes":                  {now: today.Add(24 * time.Hour), names: []string{"10.96.0.1"}},
		"eleven months later leaves are made anew":     {now: today.Add(335 * 24 * time.Hour), names: []string{"10.96.0.1"}, renewed: true},
		"a new address of the server makes a new leaf": {now: today, names: []string{"10.96.0.1", "10.245.0.1"}, renewed: true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(filepath.Join(dir, "apiserver.crt"), first.APIServer.CertPEM(), 0o644); err != nil {
				t.Fatal(err)
			}
			key, err := first.APIServer.KeyPEM()
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "apiserver.key"), key, 0o600); err != nil {
				t.Fatal(err)
			}
			next, err := Ensure(dir, later.names, later.now)
			if err != nil {
				t.Fatal(err)
			}
			if !next.CA.Cert.Equal(first.CA.Cert) {
				t.Error("the authority changed")
			}
			if got := !next.APIServer.Cert.Equal(first.APIServer.Cert); got != later.renewed {
				t.Errorf("renewed: got %v, want %v", got, later.renewed)
			}
		})
	}
}

func TestServerCertificateVerifies(t *testing.T) {
	c, err := Ensure(t.TempDir(), []string{"10.96.0.1"}, today)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.CA.Cert)
	for _, name := range []string{"127.0.0.1", "localhost", "10.96.0.1", "kubernetes.default.svc"} {
		_, err := c.APIServer.Cert.Verify(x509.VerifyOptions{Roots: roots, DNSName: name, CurrentTime: today})
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAuthorityIsNeverReplaced(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"the key is missing":         func(dir string) error { return os.Remove(filepath.Join(dir, "ca.key")) },
		"the certificate is missing": func(dir string) error { return os.Remove(filepath.Join(dir, "ca.crt")) },
		"the key is garbage":         func(dir string) error { return os.WriteFile(filepath.Join(dir, "ca.key"), []byte("x"), 0o600) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if _, err := Ensure(dir, nil, today); err != nil {
				t.Fatal(err)
			}
			if err := spoil(dir); err != nil {
				t.Fatal(err)
			}
			if _, err := Ensure(dir, nil, today); err == nil {
				t.Error("a damaged authority was accepted or replaced")
			}
		})
	}
}

func TestOnlyTheAdministratorIsPrivileged(t *testing.T) {
	c, err := Ensure(t.TempDir(), nil, today)
	if err != nil {
		t.Fatal(err)
	}
	node, err := c.Node("n", nil, today)
	if err != nil {
		t.Fatal(err)
	}
	scheduler, err := c.Component("scheduler", "system:kube-scheduler", nil, today)
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string]*Pair{
		"apiserver": c.APIServer, "apiserver-kubelet-client": c.APIServerKubeletClient, "front-proxy-client": c.FrontProxyClient,
		"admin": c.Admin, "node": node, "scheduler": scheduler,
	} {
		if got := slices.Contains(pair.Cert.Subject.Organization, "system:masters"); got != (name == "admin") {
			t.Errorf("%s: in system:masters is %v", name, got)
		}
	}
}

// Data directories of earlier releases hold a client certificate for agents that is in system:masters.
func TestAPrivilegedKubeletClientIsIssuedAgain(t *testing.T) {
	dir := t.TempDir()
	c, err := Ensure(dir, nil, today)
	if err != nil {
		t.Fatal(err)
	}
	old, err := c.CA.Issue(filepath.Join(dir, "apiserver-kubelet-client"),
		Leaf{CommonName: "kube-apiserver-kubelet-client", Organizations: []string{"system:masters"}, Client: true}, today)
	if err != nil {
		t.Fatal(err)
	}
	if c, err = Ensure(dir, nil, today); err != nil {
		t.Fatal(err)
	}
	onDisk, err := load(filepath.Join(dir, "apiserver-kubelet-client"))
	if err != nil {
		t.Fatal(err)
	}
	if onDisk.Cert.Equal(old.Cert) || !onDisk.Cert.Equal(c.APIServerKubeletClient.Cert) || len(onDisk.Cert.Subject.Organization) > 0 {
		t.Errorf("the certificate is still %v", onDisk.Cert.Subject)
	}
}
