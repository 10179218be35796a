// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

const issuer = "https://kubernetes.default.svc.cluster.local"

// genuine is a good token's header and claims.
func genuine(t *testing.T, token string) (header, claims map[string]any) {
	t.Helper()
	parsed, _, err := jwt.NewParser().ParseUnverified(token, jwt.MapClaims{})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Header, maps.Clone(parsed.Claims.(jwt.MapClaims))
}

// signed is a token of these claims, with the given key.
func signed(t *testing.T, method jwt.SigningMethod, key any, header, claims map[string]any) string {
	t.Helper()
	token := jwt.NewWithClaims(method, jwt.MapClaims(claims))
	maps.Copy(token.Header, header)
	token.Header["alg"] = method.Alg()
	raw, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Tokens that nobody issued as they are: each must be refused with 401, not taken for an anonymous request.
func TestTokensThatWereNotIssued(t *testing.T) {
	token := accountToken(t, team, "editor")
	if info, got := (identity{token: token}).whoami(t); info.Username != "system:serviceaccount:team:editor" {
		t.Fatalf("a good token: %d %q", got.code, info.Username)
	}
	header, claims := genuine(t, token)
	own := target.certs.ServiceAccountKey
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := os.ReadFile(target.certs.ServiceAccountPublicKeyFile())
	if err != nil {
		t.Fatal(err)
	}
	// with returns the claims with some of them changed; nil takes one away.
	with := func(changes map[string]any) map[string]any {
		changed := maps.Clone(claims)
		for name, value := range changes {
			if value == nil {
				delete(changed, name)
			} else {
				changed[name] = value
			}
		}
		return changed
	}
	bound := func(change func(map[string]any)) map[string]any {
		var copied map[string]any
		raw, err := json.Marshal(claims["kubernetes.io"])
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(raw, &copied); err != nil {
			t.Fatal(err)
		}
		change(copied)
		return with(map[string]any{"kubernetes.io": copied})
	}
	es := func(claims map[string]any) string { return signed(t, jwt.SigningMethodES256, own, header, claims) }
	if info, _ := (identity{token: es(claims)}).whoami(t); info.Username != "system:serviceaccount:team:editor" {
		t.Fatal("the same claims, signed again by the cluster's key, are not accepted: what follows would prove nothing")
	}
	parts := strings.Split(token, ".")
	now := time.Now()
	cases := map[string]string{
		"signed by another key":                              signed(t, jwt.SigningMethodES256, other, header, claims),
		"signed by the key of another cluster":               signed(t, jwt.SigningMethodES256, target.foreign.ServiceAccountKey, header, claims),
		"without a signature":                                signed(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil, claims),
		"with the signature cut off":                         parts[0] + "." + parts[1] + ".",
		"with another's signature":                           parts[0] + "." + strings.Split(es(with(map[string]any{"jti": "x"})), ".")[1] + "." + parts[2],
		"by HMAC, with the public key as the secret":         signed(t, jwt.SigningMethodHS256, public, header, claims),
		"by HMAC, with an empty secret":                      signed(t, jwt.SigningMethodHS256, []byte{}, header, claims),
		"that names a key by address":                        signed(t, jwt.SigningMethodES256, other, map[string]any{"kid": header["kid"], "jku": "https://127.0.0.1:1/keys", "x5u": "https://127.0.0.1:1/x5u"}, claims),
		"that brings its key along":                          signed(t, jwt.SigningMethodES256, other, map[string]any{"jwk": publicJWK(other)}, claims),
		"whose key id is a path":                             signed(t, jwt.SigningMethodES256, other, map[string]any{"kid": "../../../../dev/null"}, claims),
		"whose key id is a query":                            signed(t, jwt.SigningMethodES256, other, map[string]any{"kid": "' OR '1'='1"}, claims),
		"expired":                                            es(with(map[string]any{"exp": now.Add(-time.Minute).Unix()})),
		"that never expires":                                 es(with(map[string]any{"exp": nil})),
		"of a time to come":                                  es(with(map[string]any{"nbf": now.Add(time.Hour).Unix()})),
		"of another issuer":                                  es(with(map[string]any{"iss": "https://evil.example"})),
		"without an issuer":                                  es(with(map[string]any{"iss": nil})),
		"for another audience":                               es(with(map[string]any{"aud": []string{"vault"}})),
		"for no audience":                                    es(with(map[string]any{"aud": []string{}})),
		"whose subject is another account":                   es(with(map[string]any{"sub": "system:serviceaccount:kube-system:default"})),
		"whose subject is a user":                            es(with(map[string]any{"sub": "kubernetes-admin"})),
		"of an account that is not there":                    es(bound(func(c map[string]any) { c["serviceaccount"] = map[string]any{"name": "ghost", "uid": "1"} })),
		"of an earlier account of the name":                  es(bound(func(c map[string]any) { c["serviceaccount"] = map[string]any{"name": "editor", "uid": "1"} })),
		"of an account without a uid":                        es(bound(func(c map[string]any) { c["serviceaccount"] = map[string]any{"name": "editor"} })),
		"of the account in another namespace":                es(bound(func(c map[string]any) { c["namespace"] = "kube-system" })),
		"bound to a pod that is not there":                   es(bound(func(c map[string]any) { c["pod"] = map[string]any{"name": "ghost", "uid": "1"} })),
		"bound to a secret that is not there":                es(bound(func(c map[string]any) { c["secret"] = map[string]any{"name": "ghost", "uid": "1"} })),
		"bound to a node that is not there":                  es(bound(func(c map[string]any) { c["node"] = map[string]any{"name": "ghost", "uid": "1"} })),
		"without what it is bound to":                        es(with(map[string]any{"kubernetes.io": nil})),
		"with a claim of the wrong type":                     es(with(map[string]any{"kubernetes.io": "editor"})),
		"with an enormous time":                              es(with(map[string]any{"exp": 1e300, "nbf": -1e300})),
		"with letters for a time":                            es(with(map[string]any{"exp": "never"})),
		"of three empty parts":                               "..",
		"of four parts":                                      token + ".x",
		"with padding":                                       parts[0] + "=." + parts[1] + "=." + parts[2] + "=",
		"whose header is no JSON":                            base64.RawURLEncoding.EncodeToString([]byte("{")) + "." + parts[1] + "." + parts[2],
		"nested ten thousand deep":                           base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat(`{"a":`, 10000))) + "." + parts[1] + "." + parts[2],
		"of a bootstrap secret that is not there":            "abcdef.0123456789abcdef",
		"of a bootstrap token's form with another separator": "abcdef:0123456789abcdef",
		"of nothing but a letter":                            "x",
	}
	for name, forged := range cases {
		t.Run(name, func(t *testing.T) {
			info, got := (identity{token: forged}).whoami(t)
			if got.code != http.StatusUnauthorized {
				t.Errorf("a token %s: %d as %q %v, want 401", name, got.code, info.Username, info.Groups)
			}
		})
	}
	still(t)
}

func publicJWK(key *ecdsa.PrivateKey) map[string]any {
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil
	}
	half := (len(point) - 1) / 2
	encode := base64.RawURLEncoding.EncodeToString
	return map[string]any{"kty": "EC", "crv": "P-256", "x": encode(point[1 : 1+half]), "y": encode(point[1+half:])}
}

// A token ends with what it is bound to, and with its account, even when another takes the name.
func TestTokensEndWithWhatTheyAreBoundTo(t *testing.T) {
	ns := newNamespace(t)
	ctx := t.Context()
	if err := makeAccount(ctx, ns, "robot"); err != nil {
		t.Fatal(err)
	}
	pod := func() *corev1.Pod {
		made, err := target.admin.CoreV1().Pods(ns).Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "p"},
			Spec:       corev1.PodSpec{ServiceAccountName: "robot", Containers: []corev1.Container{{Name: "c", Image: "x"}}},
		}, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	now := metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}
	first := pod()
	ofPod := identity{token: accountToken(t, ns, "robot", func(s *authenticationv1.TokenRequestSpec) {
		s.BoundObjectRef = &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "p", UID: first.UID}
	})}
	ofAccount := identity{token: accountToken(t, ns, "robot")}
	known := func(who identity, want bool, when string) {
		t.Helper()
		// A good answer is kept for ten seconds; so as not to wait for that, each question is asked by a client that shows
		// its token for the first time since the change.
		if info, got := who.whoami(t); (got.code == http.StatusCreated) != want {
			t.Errorf("%s: %d as %q", when, got.code, info.Username)
		}
	}
	if err := target.admin.CoreV1().Pods(ns).Delete(ctx, "p", now); err != nil {
		t.Fatal(err)
	}
	pod() // of the same name, with another uid
	known(ofPod, false, "the pod is another one of the same name")
	if err := target.admin.CoreV1().ServiceAccounts(ns).Delete(ctx, "robot", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := makeAccount(ctx, ns, "robot"); err != nil {
		t.Fatal(err)
	}
	known(ofAccount, false, "the account is another one of the same name")
	known(identity{token: accountToken(t, ns, "robot")}, true, "a new account's own token")
}

// Where a token does not belong it is not looked for, and two credentials do not add up.
func TestTokensInOddPlaces(t *testing.T) {
	token := accountToken(t, team, "owner")
	anonymous := identity{}
	secrets := "/api/v1/namespaces/team/secrets"
	for name, c := range map[string]struct {
		path    string
		headers []string
	}{
		"in the query":                 {secrets + "?access_token=" + token + "&token=" + token, nil},
		"in a cookie":                  {secrets, []string{"Cookie", "token=" + token + "; Authorization=Bearer " + token}},
		"as a basic password":          {secrets, []string{"Authorization", "Basic " + base64.StdEncoding.EncodeToString([]byte("owner:"+token))}},
		"without the word Bearer":      {secrets, []string{"Authorization", token}},
		"in a header of a proxy":       {secrets, []string{"Proxy-Authorization", "Bearer " + token}},
		"in a header with underscores": {secrets, []string{"X_Authorization", "Bearer " + token}},
		"behind another one":           {secrets, []string{"Authorization", "Bearer nonsense", "Authorization", "Bearer " + token}},
	} {
		got := anonymous.ask(t, http.MethodGet, c.path, nil, c.headers...)
		if got.code != http.StatusForbidden && got.code != http.StatusUnauthorized {
			t.Errorf("a token %s: %d %s", name, got.code, got.message())
		}
	}
	// A certificate comes first, as documented; a wrong token beside it changes nothing and gives nothing.
	both := userNamed(t, "mallory")
	both.token = token
	if info, _ := both.whoami(t); info.Username != "mallory" {
		t.Errorf("with a certificate and a token of another: %q %v", info.Username, info.Groups)
	}
}

// Bootstrap tokens are good while their Secret says so.
func TestBootstrapTokens(t *testing.T) {
	make := func(id string, data map[string]string) string {
		t.Helper()
		all := map[string]string{"token-id": id, "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true"}
		for k, v := range data {
			if v == "" {
				delete(all, k)
			} else {
				all[k] = v
			}
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "bootstrap-token-" + id}, Type: corev1.SecretTypeBootstrapToken, StringData: all}
		if data["type"] == "wrong" {
			secret.Type = corev1.SecretTypeOpaque
		}
		if _, err := target.admin.CoreV1().Secrets("kube-system").Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		return id + ".0123456789abcdef"
	}
	good := identity{token: make("good00", nil)}
	if info, got := good.whoami(t); info.Username != "system:bootstrap:good00" {
		t.Fatalf("a good bootstrap token: %d %q", got.code, info.Username)
	}
	if got := good.ask(t, http.MethodGet, "/api/v1/namespaces/kube-system/secrets", nil); got.code != http.StatusForbidden {
		t.Errorf("reading secrets with a bootstrap token: %d", got.code)
	}
	for name, token := range map[string]string{
		"expired":               make("expire", map[string]string{"expiration": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339)}),
		"of an unreadable time": make("badtim", map[string]string{"expiration": "tomorrow"}),
		"for signing only":      make("signer", map[string]string{"usage-bootstrap-authentication": "", "usage-bootstrap-signing": "true"}),
		"of another type":       make("opaque", map[string]string{"type": "wrong"}),
		"of another id":         make("twoids", map[string]string{"token-id": "others"}),
		"with a wrong secret":   "good00.fedcba9876543210",
		"with part of a secret": "good00.0123456789abcde",
	} {
		if info, got := (identity{token: token}).whoami(t); got.code != http.StatusUnauthorized {
			t.Errorf("a bootstrap token %s: %d as %q", name, got.code, info.Username)
		}
	}
	admin := map[string]string{"auth-extra-groups": "system:masters"}
	if info, got := (identity{token: make("master", admin)}).whoami(t); got.code != http.StatusUnauthorized {
		t.Errorf("a bootstrap token that brings system:masters: %d as %q %v", got.code, info.Username, info.Groups)
	}
}
