// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/authentication/authenticator"
	testingclock "k8s.io/utils/clock/testing"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

// cluster is a Getter over a few objects.
type cluster struct {
	account *corev1.ServiceAccount
	pod     *corev1.Pod
	secret  *corev1.Secret
	node    *corev1.Node
}

func found[T metav1.Object](obj T, there bool, resource, name string) (T, error) {
	if !there || obj.GetName() != name {
		var none T
		return none, apierrors.NewNotFound(corev1.Resource(resource), name)
	}
	return obj, nil
}

func (c *cluster) ServiceAccount(_ context.Context, _, name, _ string) (*corev1.ServiceAccount, error) {
	return found(c.account, c.account != nil, "serviceaccounts", name)
}

func (c *cluster) Pod(_ context.Context, _, name, _ string) (*corev1.Pod, error) {
	return found(c.pod, c.pod != nil, "pods", name)
}

func (c *cluster) Secret(_ context.Context, _, name, _ string) (*corev1.Secret, error) {
	return found(c.secret, c.secret != nil, "secrets", name)
}

func (c *cluster) Node(_ context.Context, name, _ string) (*corev1.Node, error) {
	return found(c.node, c.node != nil, "nodes", name)
}

func newCluster() *cluster {
	meta := func(name string) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: "shop", Name: name, UID: types.UID("uid-of-" + name)}
	}
	return &cluster{
		account: &corev1.ServiceAccount{ObjectMeta: meta("robot")},
		pod:     &corev1.Pod{ObjectMeta: meta("web"), Spec: corev1.PodSpec{NodeName: "n1", ServiceAccountName: "robot"}},
		secret:  &corev1.Secret{ObjectMeta: meta("key")},
		node:    &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "n1", UID: "uid-n1"}},
	}
}

func newKey(t testing.TB) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

type fixture struct {
	*cluster
	clock     *testingclock.FakePassiveClock
	issuer    *Issuer
	validator *Validator
}

func newFixture(t *testing.T, change func(*Config)) *fixture {
	t.Helper()
	f := &fixture{cluster: newCluster(), clock: testingclock.NewFakePassiveClock(start)}
	config := Config{Issuers: []string{"https://cluster.test"}, Audiences: []string{"api"}, Key: newKey(t), Clock: f.clock}
	if change != nil {
		change(&config)
	}
	var err error
	if f.issuer, err = NewIssuer(config); err != nil {
		t.Fatal(err)
	}
	if f.validator, err = NewValidator(config, f.cluster); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *fixture) issue(t *testing.T, r Request) string {
	t.Helper()
	r.Account = f.account
	if r.Lifetime == 0 {
		r.Lifetime = time.Hour
	}
	if r.Audiences == nil {
		r.Audiences = []string{"api"}
	}
	issued, err := f.issuer.Issue(r)
	if err != nil {
		t.Fatal(err)
	}
	return issued.Token
}

func TestTokensAreGoodForAsLongAsTheirObjects(t *testing.T) {
	cases := map[string]struct {
		request func(*cluster) Request
		change  func(*fixture) // between issue and use
		err     string         // empty: the token is good
	}{
		"account alone": {},
		"bound to a pod": {
			request: func(c *cluster) Request { return Request{Pod: c.pod, Node: c.node} },
		},
		"bound to a secret": {request: func(c *cluster) Request { return Request{Secret: c.secret} }},
		"bound to a node":   {request: func(c *cluster) Request { return Request{Node: c.node} }},
		"expired": {
			change: func(f *fixture) { f.clock.SetTime(start.Add(time.Hour + 2*time.Minute)) },
			err:    "service account token has expired",
		},
		"clocks a little apart": {change: func(f *fixture) { f.clock.SetTime(start.Add(-30 * time.Second)) }},
		"from the future": {
			change: func(f *fixture) { f.clock.SetTime(start.Add(-time.Hour)) },
			err:    "service account token is not valid yet",
		},
		"account deleted": {change: func(f *fixture) { f.account = nil }, err: "not found"},
		"account made anew": {
			change: func(f *fixture) { f.account = f.account.DeepCopy(); f.account.UID = "other" },
			err:    "service account UID (other) does not match claim (uid-of-robot)",
		},
		"pod deleted": {
			request: func(c *cluster) Request { return Request{Pod: c.pod} },
			change:  func(f *fixture) { f.pod = nil },
			err:     "not found",
		},
		"pod being deleted": {
			request: func(c *cluster) Request { return Request{Pod: c.pod} },
			change:  func(f *fixture) { f.pod.DeletionTimestamp = &metav1.Time{Time: start} },
		},
		"pod should be gone for long": {
			request: func(c *cluster) Request { return Request{Pod: c.pod} },
			change: func(f *fixture) {
				f.pod.DeletionTimestamp = &metav1.Time{Time: start}
				f.clock.SetTime(start.Add(2 * time.Minute))
			},
			err: "pod has been deleted",
		},
		"secret made anew": {
			request: func(c *cluster) Request { return Request{Secret: c.secret} },
			change:  func(f *fixture) { f.secret = f.secret.DeepCopy(); f.secret.UID = "other" },
			err:     "secret UID (other) does not match",
		},
		"the node of a pod may go": {
			request: func(c *cluster) Request { return Request{Pod: c.pod, Node: c.node} },
			change:  func(f *fixture) { f.node = nil },
		},
		"node deleted": {
			request: func(c *cluster) Request { return Request{Node: c.node} },
			change:  func(f *fixture) { f.node = nil },
			err:     "not found",
		},
		"other audience": {
			request: func(*cluster) Request { return Request{Audiences: []string{"vault"}} },
			err:     `token audiences ["vault"] is invalid for the target audiences ["api"]`,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t, nil)
			request := Request{}
			if c.request != nil {
				request = c.request(f.cluster)
			}
			token := f.issue(t, request)
			if c.change != nil {
				c.change(f)
			}
			response, ok, err := f.validator.AuthenticateToken(context.Background(), token)
			if c.err != "" {
				if ok || err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("ok=%v err=%v, want an error with %q", ok, err, c.err)
				}
				return
			}
			if err != nil || !ok {
				t.Fatalf("ok=%v err=%v", ok, err)
			}
			if got := response.User.GetName(); got != "system:serviceaccount:shop:robot" {
				t.Errorf("user is %s", got)
			}
			if diff := cmp.Diff([]string{"system:serviceaccounts", "system:serviceaccounts:shop"}, response.User.GetGroups()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestUserOfABoundTokenTellsPodAndNode(t *testing.T) {
	f := newFixture(t, nil)
	response, ok, err := f.validator.AuthenticateToken(context.Background(), f.issue(t, Request{Pod: f.pod, Node: f.node}))
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	extra := response.User.GetExtra()
	for key, want := range map[string]string{
		"authentication.kubernetes.io/pod-name":  "web",
		"authentication.kubernetes.io/node-name": "n1",
		"authentication.kubernetes.io/node-uid":  "uid-n1",
	} {
		if got := extra[key]; len(got) != 1 || got[0] != want {
			t.Errorf("%s is %v, want %s", key, got, want)
		}
	}
	if id := extra["authentication.kubernetes.io/credential-id"]; len(id) != 1 || !strings.HasPrefix(id[0], "JTI=") {
		t.Errorf("credential id is %v", id)
	}
}

func TestOthersTokensAreLeftToOthers(t *testing.T) {
	f, stranger := newFixture(t, nil), newFixture(t, func(c *Config) { c.Issuers = []string{"https://elsewhere.test"} })
	for name, token := range map[string]string{
		"another issuer": stranger.issue(t, Request{}), "no token at all": "abcdef.0123456789abcdef", "nothing": "", "dots": "..",
	} {
		if _, ok, err := f.validator.AuthenticateToken(context.Background(), token); ok || err != nil {
			t.Errorf("%s: ok=%v err=%v, want neither", name, ok, err)
		}
	}
	// Who claims our name without our key is an impostor, and that is an error.
	impostor := newFixture(t, nil)
	if _, ok, err := f.validator.AuthenticateToken(context.Background(), impostor.issue(t, Request{})); ok || err == nil {
		t.Errorf("impostor: ok=%v err=%v", ok, err)
	}
}

func TestChangedTokensAreRefused(t *testing.T) {
	f := newFixture(t, nil)
	token := f.issue(t, Request{})
	parts := strings.Split(token, ".")
	other := strings.Split(f.issue(t, Request{Audiences: []string{"api", "more"}}), ".")
	for name, forged := range map[string]string{
		"payload of another": parts[0] + "." + other[1] + "." + parts[2],
		"no signature":       parts[0] + "." + parts[1] + ".",
		"alg none":           "eyJhbGciOiJub25lIn0." + parts[1] + ".",
	} {
		if _, ok, err := f.validator.AuthenticateToken(context.Background(), forged); ok || err == nil {
			t.Errorf("%s: ok=%v err=%v", name, ok, err)
		}
	}
}

func TestAudiencesAreThoseAskedFor(t *testing.T) {
	f := newFixture(t, nil)
	token := f.issue(t, Request{Audiences: []string{"api", "vault"}})
	ctx := authenticator.WithAudiences(context.Background(), authenticator.Audiences{"vault", "bank"})
	response, ok, err := f.validator.AuthenticateToken(ctx, token)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	if diff := cmp.Diff(authenticator.Audiences{"vault"}, response.Audiences); diff != "" {
		t.Error(diff)
	}
}

func TestOnlyTokensOfTheDefaultVolumeAreExtended(t *testing.T) {
	cluster := newCluster()
	cases := map[string]struct {
		request Request
		extend  bool
		want    time.Duration
		warn    bool
	}{
		"default volume":        {Request{Pod: cluster.pod, Lifetime: 3607 * time.Second}, true, extendedLifetime, true},
		"not bound to a pod":    {Request{Lifetime: 3607 * time.Second}, true, 3607 * time.Second, false},
		"a user's own lifetime": {Request{Pod: cluster.pod, Lifetime: time.Hour}, true, time.Hour, false},
		"switched off":          {Request{Pod: cluster.pod, Lifetime: 3607 * time.Second}, false, 3607 * time.Second, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.request.Account = cluster.account
			got := makeClaims(c.request, "i", "1", start, c.extend)
			if d := got.ExpiresAt.Sub(start); d != c.want {
				t.Errorf("lives %v, want %v", d, c.want)
			}
			if warns := got.Kubernetes.WarnAfter != nil; warns != c.warn {
				t.Errorf("warns=%v, want %v", warns, c.warn)
			}
		})
	}
}

func TestKeysMayBeReplaced(t *testing.T) {
	old, next := newKey(t), newKey(t)
	before := newFixture(t, func(c *Config) { c.Key = old })
	after := newFixture(t, func(c *Config) { c.Key, c.PublicKeys = next, []crypto.PublicKey{old.Public()} })
	if _, ok, err := after.validator.AuthenticateToken(context.Background(), before.issue(t, Request{})); !ok || err != nil {
		t.Errorf("a token of the old key: ok=%v err=%v", ok, err)
	}
}

func TestKeyFiles(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec := newKey(t).(*ecdsa.PrivateKey)
	pkcs8, _ := x509.MarshalPKCS8PrivateKey(ec)
	sec1, _ := x509.MarshalECPrivateKey(ec)
	public, _ := x509.MarshalPKIXPublicKey(ec.Public())
	cases := map[string]*pem.Block{
		"PKCS#1": {Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rsaKey)},
		"PKCS#8": {Type: "PRIVATE KEY", Bytes: pkcs8},
		"SEC 1":  {Type: "EC PRIVATE KEY", Bytes: sec1},
	}
	for name, block := range cases {
		key, err := ParsePrivateKey(pem.EncodeToMemory(block))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		keys, err := ParsePublicKeys(pem.EncodeToMemory(block))
		if err != nil || len(keys) != 1 {
			t.Errorf("%s as public key: %v %v", name, keys, err)
		}
		if _, err := NewIssuer(Config{Issuers: []string{"i"}, Key: key}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if keys, err := ParsePublicKeys(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})); err != nil || len(keys) != 1 {
		t.Errorf("public key: %v %v", keys, err)
	}
	if _, err := ParsePrivateKey([]byte("nothing")); err == nil {
		t.Error("no key: no error")
	}
	if _, err := ParsePublicKeys([]byte("nothing")); err == nil {
		t.Error("no public key: no error")
	}
}

func TestDiscovery(t *testing.T) {
	config := Config{Issuers: []string{"https://cluster.test"}, Key: newKey(t)}
	d, err := NewDiscovery(config, "", "10.0.0.1:6443")
	if err != nil {
		t.Fatal(err)
	}
	recorder := httptest.NewRecorder()
	d.Configuration.ServeHTTP(recorder, httptest.NewRequest("GET", DiscoveryPath, nil))
	var document map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &document); err != nil {
		t.Fatal(err)
	}
	if document["issuer"] != "https://cluster.test" || document["jwks_uri"] != "https://10.0.0.1:6443/openid/v1/jwks" {
		t.Errorf("document is %v", document)
	}
	recorder = httptest.NewRecorder()
	d.Keys.ServeHTTP(recorder, httptest.NewRequest("GET", KeysPath, nil))
	if got := recorder.Header().Get("Content-Type"); got != "application/jwk-set+json" {
		t.Errorf("content type is %s", got)
	}
	var set struct{ Keys []webKey }
	if err := json.Unmarshal(recorder.Body.Bytes(), &set); err != nil {
		t.Fatal(err)
	}
	if len(set.Keys) != 1 || set.Keys[0].Kty != "EC" || set.Keys[0].Alg != "ES256" || len(set.Keys[0].X) != 43 {
		t.Errorf("keys are %+v", set.Keys)
	}
	recorder = httptest.NewRecorder()
	d.Keys.ServeHTTP(recorder, httptest.NewRequest("POST", KeysPath, nil))
	if recorder.Code != 405 {
		t.Errorf("POST answers %d", recorder.Code)
	}
	if d, err := NewDiscovery(Config{Issuers: []string{"kubernetes/serviceaccount"}, Key: newKey(t)}, "", ""); d != nil || err != nil {
		t.Errorf("an issuer that is no URL: %v %v", d, err)
	}
}
