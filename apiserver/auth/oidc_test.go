// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/apiserver/tokens"
)

// Another cluster's service accounts are as good an OpenID Connect issuer as any.
func TestTokensOfAnotherIssuer(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	routes := http.NewServeMux()
	provider := httptest.NewTLSServer(routes)
	defer provider.Close()
	config := tokens.Config{Issuers: []string{provider.URL}, Key: key}
	discovery, err := tokens.NewDiscovery(config, provider.URL+tokens.KeysPath, "")
	if err != nil {
		t.Fatal(err)
	}
	routes.Handle(tokens.DiscoveryPath, discovery.Configuration)
	routes.Handle(tokens.KeysPath, discovery.Keys)
	issuer, err := tokens.NewIssuer(config)
	if err != nil {
		t.Fatal(err)
	}
	bearer := func(audience string) *http.Request {
		issued, err := issuer.Issue(tokens.Request{
			Account:   &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "robot"}},
			Audiences: []string{audience}, Lifetime: time.Hour,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest(http.MethodGet, "/api", nil)
		r.Header.Set("Authorization", "Bearer "+issued.Token)
		return r
	}

	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: provider.Certificate().Raw}))
	text := fmt.Sprintf(`apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
jwt:
- issuer:
    url: %s
    audiences: [ours]
    certificateAuthority: |
%s
  claimMappings:
    username: {expression: "'other:' + claims.sub"}
    groups: {expression: "['from:' + claims['kubernetes.io'].namespace]"}
`, provider.URL, "      "+strings.ReplaceAll(strings.TrimSpace(ca), "\n", "\n      "))
	path := filepath.Join(t.TempDir(), "authn.yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := NewAuthenticator(AuthenticationConfig{ConfigFile: path})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Start(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()

	good := bearer("ours")
	deadline := time.Now().Add(20 * time.Second)
	for {
		response, ok, err := a.AuthenticateRequest(good)
		if ok && err == nil {
			if got := response.User.GetName(); got != "other:system:serviceaccount:shop:robot" {
				t.Errorf("user is %s", got)
			}
			if got := response.User.GetGroups(); len(got) != 2 || got[0] != "from:shop" || got[1] != "system:authenticated" {
				t.Errorf("groups are %v", got)
			}
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("not accepted: %v", err)
		}
		<-time.After(50 * time.Millisecond) // the keys are fetched in the background
	}
	if _, ok, err := a.AuthenticateRequest(bearer("others")); ok || err == nil {
		t.Errorf("another audience: ok=%v err=%v", ok, err)
	}
}
