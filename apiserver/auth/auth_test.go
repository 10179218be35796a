// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/server/dynamiccertificates"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	testingclock "k8s.io/utils/clock/testing"

	"coxswain.dev/coxswain/apiserver/tokens"
)

// issue makes a certificate; parent is nil for an authority.
func issue(t *testing.T, subject pkix.Name, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: subject,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		parent, parentKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), parentKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate, key
}

type noObjects struct{ tokens.Getter }

func (noObjects) Secret(context.Context, string, string, string) (*corev1.Secret, error) {
	return nil, apierrors.NewNotFound(corev1.Resource("secrets"), "x")
}

func TestAuthenticateRequest(t *testing.T) {
	authority, authorityKey := issue(t, pkix.Name{CommonName: "ca"}, nil, nil)
	stranger, strangerKey := issue(t, pkix.Name{CommonName: "other ca"}, nil, nil)
	mine, _ := issue(t, pkix.Name{CommonName: "ann", Organization: []string{"staff"}}, authority, authorityKey)
	forged, _ := issue(t, pkix.Name{CommonName: "ann", Organization: []string{"staff"}}, stranger, strangerKey)
	ca, err := dynamiccertificates.NewStaticCAContent("ca", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Raw}))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(file, []byte("s3cret,bob,7,\"friends,guests\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := NewAuthenticator(AuthenticationConfig{
		ClientCA: ca, TokenFile: file, BootstrapTokens: noObjects{}, Anonymous: true,
		ServiceAccounts: authenticator.TokenFunc(func(_ context.Context, token string) (*authenticator.Response, bool, error) {
			if token == "robot" {
				return &authenticator.Response{User: &user.DefaultInfo{Name: "system:serviceaccount:shop:robot"}}, true, nil
			}
			if token == "expired" {
				return nil, false, errors.New("service account token has expired")
			}
			return nil, false, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	get := func(change func(*http.Request)) *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/api", nil)
		if change != nil {
			change(r)
		}
		return r
	}
	bearer := func(token string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) }
	}
	shows := func(c *x509.Certificate) func(*http.Request) {
		return func(r *http.Request) { r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{c}} }
	}
	cases := map[string]struct {
		request *http.Request
		name    string
		groups  []string
		fails   bool
	}{
		"nothing":            {get(nil), "system:anonymous", []string{"system:unauthenticated"}, false},
		"certificate":        {get(shows(mine)), "ann", []string{"staff", "system:authenticated"}, false},
		"forged certificate": {get(shows(forged)), "", nil, true},
		"static token":       {get(bearer("s3cret")), "bob", []string{"friends", "guests", "system:authenticated"}, false},
		"account's token":    {get(bearer("robot")), "system:serviceaccount:shop:robot", []string{"system:authenticated"}, false},
		"expired token":      {get(bearer("expired")), "", nil, true},
		"unknown token":      {get(bearer("nonsense")), "", nil, true},
		"in memory": {get(func(r *http.Request) {
			*r = *r.WithContext(WithUser(r.Context(), &user.DefaultInfo{Name: "scheduler", Groups: []string{"parts"}}))
		}), "scheduler", []string{"parts", "system:authenticated"}, false},
		"a header that looks like it": {get(func(r *http.Request) { r.Header.Set("X-Remote-User", "root") }), "system:anonymous", []string{"system:unauthenticated"}, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			response, ok, err := a.AuthenticateRequest(c.request)
			if c.fails {
				if ok || err == nil {
					t.Fatalf("ok=%v err=%v, want an error", ok, err)
				}
				return
			}
			if err != nil || !ok {
				t.Fatalf("ok=%v err=%v", ok, err)
			}
			if response.User.GetName() != c.name {
				t.Errorf("user is %s, want %s", response.User.GetName(), c.name)
			}
			if diff := cmp.Diff(c.groups, response.User.GetGroups()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestConfigurationFiles(t *testing.T) {
	write := func(text string) string {
		path := filepath.Join(t.TempDir(), "authn.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const head = "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthenticationConfiguration\n"
	a, err := NewAuthenticator(AuthenticationConfig{ConfigFile: write(head + "anonymous:\n  enabled: true\n  conditions:\n  - path: /healthz\n")})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"/healthz": true, "/api": false} {
		if _, ok, _ := a.AuthenticateRequest(httptest.NewRequest(http.MethodGet, path, nil)); ok != want {
			t.Errorf("anonymous on %s: %v, want %v", path, ok, want)
		}
	}
	for name, text := range map[string]string{
		"unknown field":  head + "jwts: []\n",
		"no https":       head + "jwt:\n- issuer:\n    url: http://issuer.test\n    audiences: [a]\n  claimMappings:\n    username: {claim: sub, prefix: \"\"}\n",
		"not this kind":  "apiVersion: apiserver.config.k8s.io/v1\nkind: AuthorizationConfiguration\nauthorizers: []\n",
		"no YAML at all": "{",
	} {
		if _, err := NewAuthenticator(AuthenticationConfig{ConfigFile: write(text)}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewAuthenticator(AuthenticationConfig{ConfigFile: "/nowhere", OIDC: &OIDCConfig{}}); err == nil {
		t.Error("file and flags at once: no error")
	}
}

func TestBootstrapTokens(t *testing.T) {
	now := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	secret := func(change func(*corev1.Secret)) *corev1.Secret {
		s := &corev1.Secret{
			ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-abcdef", Namespace: "kube-system"},
			Type:       "bootstrap.kubernetes.io/token",
			Data: map[string][]byte{
				"token-id": []byte("abcdef"), "token-secret": []byte("0123456789abcdef"), "usage-bootstrap-authentication": []byte("true"),
			},
		}
		if change != nil {
			change(s)
		}
		return s
	}
	set := func(key, value string) func(*corev1.Secret) {
		return func(s *corev1.Secret) { s.Data[key] = []byte(value) }
	}
	cases := map[string]struct {
		secret *corev1.Secret
		groups []string
	}{
		"good":             {secret(nil), []string{"system:bootstrappers"}},
		"more groups":      {secret(set("auth-extra-groups", "system:bootstrappers:rack1")), []string{"system:bootstrappers", "system:bootstrappers:rack1"}},
		"not expired":      {secret(set("expiration", "2026-05-02T00:00:00Z")), []string{"system:bootstrappers"}},
		"expired":          {secret(set("expiration", "2026-04-30T00:00:00Z")), nil},
		"other secret":     {secret(set("token-secret", "fedcba9876543210")), nil},
		"other use":        {secret(set("usage-bootstrap-authentication", "false")), nil},
		"other type":       {secret(func(s *corev1.Secret) { s.Type = corev1.SecretTypeOpaque }), nil},
		"being deleted":    {secret(func(s *corev1.Secret) { s.DeletionTimestamp = &metav1.Time{Time: now} }), nil},
		"forbidden groups": {secret(set("auth-extra-groups", "system:masters")), nil},
	}
	for name, c := range cases {
		groups, ok := acceptBootstrapToken(c.secret, "abcdef", "0123456789abcdef", now)
		if ok != (c.groups != nil) {
			t.Errorf("%s: accepted %v", name, ok)
		}
		if diff := cmp.Diff(c.groups, groups); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	b := &bootstrapTokens{get: noObjects{}, clock: testingclock.NewFakePassiveClock(now)}
	for _, token := range []string{"abcdef.0123456789abcdef", "short", "abcdef.0123456789abcdef.more"} {
		if _, ok, err := b.AuthenticateToken(context.Background(), token); ok || err != nil {
			t.Errorf("%s: ok=%v err=%v, want neither", token, ok, err)
		}
	}
}

func TestAuthorizationModes(t *testing.T) {
	factory := func() informers.SharedInformerFactory {
		return informers.NewSharedInformerFactory(fake.NewClientset(), 0)
	}
	request := authorizer.AttributesRecord{User: &user.DefaultInfo{Name: "ann"}, Verb: "get", Resource: "pods", ResourceRequest: true}
	root := request
	root.User = &user.DefaultInfo{Name: "root", Groups: []string{"system:masters"}}
	cases := map[string]struct {
		modes     []string
		ann, root authorizer.Decision
		err       bool
	}{
		"allow":                  {[]string{ModeAlwaysAllow}, authorizer.DecisionAllow, authorizer.DecisionAllow, false},
		"deny":                   {[]string{ModeAlwaysDeny}, authorizer.DecisionNoOpinion, authorizer.DecisionAllow, false},
		"RBAC":                   {[]string{ModeNode, ModeRBAC}, authorizer.DecisionNoOpinion, authorizer.DecisionAllow, false},
		"RBAC, allow":            {[]string{ModeRBAC, ModeAlwaysAllow}, authorizer.DecisionAllow, authorizer.DecisionAllow, false},
		"none":                   {nil, 0, 0, true},
		"unknown":                {[]string{"ABAC"}, 0, 0, true},
		"twice":                  {[]string{ModeRBAC, ModeRBAC}, 0, 0, true},
		"webhook without a file": {[]string{ModeWebhook}, 0, 0, true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			a, rules, err := NewAuthorizer(AuthorizationConfig{Modes: c.modes, Informers: factory()})
			if c.err {
				if err == nil {
					t.Error("no error")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got, _, _ := a.Authorize(context.Background(), request); got != c.ann {
				t.Errorf("ann: %v, want %v", got, c.ann)
			}
			if got, _, _ := a.Authorize(context.Background(), root); got != c.root {
				t.Errorf("root: %v, want %v", got, c.root)
			}
			resources, _, _, _ := rules.RulesFor(context.Background(), root.User, "shop")
			if len(resources) != 1 || resources[0].GetVerbs()[0] != "*" {
				t.Errorf("rules of root: %v", resources)
			}
		})
	}
}

func TestReviewedTokensAreAuthenticated(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tokens.csv")
	if err := os.WriteFile(file, []byte("secret,ann,1,staff\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := NewAuthenticator(AuthenticationConfig{TokenFile: file})
	if err != nil {
		t.Fatal(err)
	}
	response, ok, err := a.Token().AuthenticateToken(t.Context(), "secret")
	if err != nil || !ok {
		t.Fatalf("got %v, %v", ok, err)
	}
	if diff := cmp.Diff([]string{"staff", user.AllAuthenticated}, response.User.GetGroups()); diff != "" {
		t.Error(diff)
	}
	none, err := NewAuthenticator(AuthenticationConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if none.Token() != nil {
		t.Error("a server that accepts no tokens reviews them")
	}
}
