// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package tokens

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	testingclock "k8s.io/utils/clock/testing"
)

// FuzzToken sends anything as a token: as it is, and as the claims of a token that we signed, which nobody else can. Only
// the token as it was issued may be taken; nothing may panic.
func FuzzToken(f *testing.F) {
	cluster := newCluster()
	key := newKey(f)
	config := Config{Issuers: []string{"https://cluster.test"}, Audiences: []string{"api"}, Key: key, Clock: testingclock.NewFakePassiveClock(start)}
	issuer, err := NewIssuer(config)
	if err != nil {
		f.Fatal(err)
	}
	validator, err := NewValidator(config, cluster)
	if err != nil {
		f.Fatal(err)
	}
	issued, err := issuer.Issue(Request{Account: cluster.account, Pod: cluster.pod, Node: cluster.node, Lifetime: time.Hour, Audiences: []string{"api"}})
	if err != nil {
		f.Fatal(err)
	}
	real := issued.Token
	parts := strings.Split(real, ".")
	f.Add(real, []byte(nil))
	f.Add(parts[0]+"."+parts[1]+".", []byte(nil))
	f.Add(base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none"}`))+"."+parts[1]+".", []byte(nil))
	f.Add(parts[0]+"."+parts[1]+"."+strings.Repeat("A", 86), []byte(nil))
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		f.Fatal(err)
	}
	f.Add("", claims)
	f.Add("", []byte(`{"iss":"https://cluster.test","exp":1e300,"nbf":-1e300,"aud":{"a":1},"kubernetes.io":null}`))
	f.Add("", []byte(`{"iss":"https://cluster.test","exp":9223372036854775807,"aud":["api"],"kubernetes.io":{"namespace":"shop","serviceaccount":{}}}`))
	signature := sha256.Sum256([]byte(real))
	f.Fuzz(func(t *testing.T, token string, payload []byte) {
		ctx := context.Background()
		if _, ok, _ := validator.AuthenticateToken(ctx, token); ok && sha256.Sum256([]byte(token)) != signature && !sameClaims(token, real) {
			t.Errorf("a token that was never issued is taken: %q", token)
		}
		if !json.Valid(payload) {
			return
		}
		signed := &jwt.Token{Method: jwt.SigningMethodES256, Header: map[string]any{"alg": "ES256"}}
		head := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"ES256"}`)) + "." + base64.RawURLEncoding.EncodeToString(payload)
		raw, err := signed.Method.Sign(head, key)
		if err != nil {
			t.Fatal(err)
		}
		answer, ok, _ := validator.AuthenticateToken(ctx, head+"."+base64.RawURLEncoding.EncodeToString(raw))
		if ok && answer.User.GetName() != "system:serviceaccount:shop:robot" {
			t.Errorf("claims %s make somebody %q", payload, answer.User.GetName())
		}
	})
}

// sameClaims is whether only the last bits of the signature's encoding differ, which mean nothing.
func sameClaims(token, real string) bool {
	at := strings.LastIndex(real, ".")
	return strings.HasPrefix(token, real[:at+1])
}
