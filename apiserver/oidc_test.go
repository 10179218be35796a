// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package apiserver

import (
	"os"
	"path/filepath"
	"testing"
)

func TestIssuerByFlags(t *testing.T) {
	ca := filepath.Join(t.TempDir(), "ca.crt")
	if err := os.WriteFile(ca, []byte("authority"), 0o600); err != nil {
		t.Fatal(err)
	}
	base := OIDCConfig{IssuerURL: "https://issuer", ClientID: "us", UsernameClaim: "sub", CAFile: ca}
	for name, c := range map[string]struct {
		change func(*OIDCConfig)
		prefix string
	}{
		"users carry the issuer":     {func(*OIDCConfig) {}, "https://issuer#"},
		"unless told by address":     {func(o *OIDCConfig) { o.UsernameClaim = "email" }, ""},
		"or with a prefix of choice": {func(o *OIDCConfig) { o.UsernamePrefix = "oidc:" }, "oidc:"},
		"or none":                    {func(o *OIDCConfig) { o.UsernamePrefix = "-" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := base
			c.change(&config)
			made, err := config.authenticator()
			if err != nil {
				t.Fatal(err)
			}
			jwt := made.JWT[0]
			if got := *jwt.ClaimMappings.Username.Prefix; got != c.prefix {
				t.Errorf("prefix %q, want %q", got, c.prefix)
			}
			if jwt.Issuer.CertificateAuthority != "authority" || jwt.Issuer.Audiences[0] != "us" {
				t.Errorf("issuer: %+v", jwt.Issuer)
			}
		})
	}
	if made, err := (OIDCConfig{}).authenticator(); made != nil || err != nil {
		t.Errorf("without an issuer: %v, %v", made, err)
	}
}
