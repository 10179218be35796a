// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/internal/pki"
)

// The headers of a front proxy count only from a certificate of the front proxy's authority with an allowed name.
func TestFrontProxyHeadersOfOthers(t *testing.T) {
	for name, headers := range map[string][]string{
		"as documented":       {"X-Remote-User", "kubernetes-admin", "X-Remote-Group", "system:masters"},
		"in lower case":       {"x-remote-user", "kubernetes-admin", "x-remote-group", "system:masters"},
		"with underscores":    {"X_Remote_User", "kubernetes-admin", "X_Remote_Group", "system:masters"},
		"several times":       {"X-Remote-User", "a", "X-Remote-User", "kubernetes-admin", "X-Remote-Group", "system:masters", "X-Remote-Group", "x"},
		"with a uid":          {"X-Remote-Uid", "1", "X-Remote-User", "kubernetes-admin", "X-Remote-Group", "system:masters"},
		"with extras":         {"X-Remote-Extra-Scopes", "x", "X-Remote-User", "kubernetes-admin", "X-Remote-Group", "system:masters"},
		"named as hop by hop": {"Connection", "X-Remote-User", "X-Remote-User", "kubernetes-admin", "X-Remote-Group", "system:masters"},
		"of other proxies":    {"X-Forwarded-User", "kubernetes-admin", "X-Original-User", "kubernetes-admin", "X-Client-Cert", "x", "Ssl-Client-Cert", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			for who, c := range map[string]struct {
				identity identity
				want     string
			}{
				"anonymous": {identity{}, ""},
				"somebody":  {userNamed(t, "mallory"), "mallory"},
			} {
				info, got := c.identity.whoami(t, headers...)
				if c.want == "" && got.code != http.StatusForbidden || c.want != "" && info.Username != c.want {
					t.Errorf("%s: %d as %q %v", who, got.code, info.Username, info.Groups)
				}
			}
		})
	}
	issue := func(authority *pki.Pair, name string) identity {
		t.Helper()
		pair, err := authority.New(pki.Leaf{CommonName: name, Client: true}, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return withCertificate(t, pair)
	}
	forged := []string{"X-Remote-User", "kubernetes-admin", "X-Remote-Group", "system:masters"}
	for name, who := range map[string]identity{
		"of a name that is not allowed":   issue(target.certs.FrontProxyCA, "somebody"),
		"of another cluster's proxy":      issue(target.foreign.FrontProxyCA, "front-proxy-client"),
		"of a client named like a proxy":  issue(target.certs.CA, "front-proxy-client"),
		"of the authority of the clients": withCertificate(t, target.certs.APIServerKubeletClient),
	} {
		got, err := who.try(t.Context(), http.MethodGet, "/api/v1/secrets", nil, forged...)
		if err == nil && got.code != http.StatusForbidden && got.code != http.StatusUnauthorized {
			t.Errorf("a certificate %s: %d %s", name, got.code, got.message())
		}
	}
	// The proxy itself is believed, or the cases above prove nothing.
	if info, got := withCertificate(t, target.certs.FrontProxyClient).whoami(t, "X-Remote-User", "jane"); info.Username != "jane" {
		t.Errorf("the front proxy: %d as %q", got.code, info.Username)
	}
}

// Impersonation takes a right for each thing that is claimed, and claiming nobody in particular is an error.
func TestImpersonationTakesARightForEachThing(t *testing.T) {
	mallory := userNamed(t, "mallory")
	for name, headers := range map[string][]string{
		"a user":            {"Impersonate-User", "alice"},
		"a group":           {"Impersonate-User", "mallory", "Impersonate-Group", "system:masters"},
		"a service account": {"Impersonate-User", "system:serviceaccount:kube-system:default"},
		"a node":            {"Impersonate-User", "system:node:n1", "Impersonate-Group", "system:nodes"},
		"in lower case":     {"impersonate-user", "alice"},
		"an extra":          {"Impersonate-User", "mallory", "Impersonate-Extra-Scopes", "all"},
		"a uid":             {"Impersonate-User", "mallory", "Impersonate-Uid", "1"},
	} {
		if info, got := mallory.whoami(t, headers...); got.code != http.StatusForbidden {
			t.Errorf("%s: %d as %q %v", name, got.code, info.Username, info.Groups)
		}
	}
	// A group, a uid or an extra without a user is no identity.
	alice := userNamed(t, "alice")
	for _, headers := range [][]string{{"Impersonate-Group", "system:masters"}, {"Impersonate-Uid", "1"}, {"Impersonate-Extra-Scopes", "x"}} {
		if info, got := alice.whoami(t, headers...); got.code < 400 || got.code >= 500 && got.code != http.StatusInternalServerError {
			t.Errorf("%v: %d as %q", headers, got.code, info.Username)
		}
	}
	// Each of several rights gives what it says and no more.
	grant(t, "actor", policyRule("", "impersonate", "users"))
	actor := userNamed(t, "actor")
	if info, _ := actor.whoami(t, "Impersonate-User", "jane"); info.Username != "jane" {
		t.Errorf("a user whom one may impersonate: %q", info.Username)
	}
	for _, headers := range [][]string{
		{"Impersonate-User", "jane", "Impersonate-Group", "system:masters"},
		{"Impersonate-User", "jane", "Impersonate-Uid", "1"},
		{"Impersonate-User", "jane", "Impersonate-Extra-Scopes", "x"},
		{"Impersonate-User", "system:serviceaccount:kube-system:default"},
	} {
		if info, got := actor.whoami(t, headers...); got.code != http.StatusForbidden {
			t.Errorf("%v with the right to users only: %d as %q %v", headers, got.code, info.Username, info.Groups)
		}
	}
	editor := identity{token: accountToken(t, team, "editor")}
	if info, _ := editor.whoami(t, "Impersonate-User", "system:serviceaccount:team:viewer"); info.Username != "system:serviceaccount:team:viewer" {
		t.Errorf("an editor as an account of the namespace: %q", info.Username)
	}
	if info, got := editor.whoami(t, "Impersonate-User", "system:serviceaccount:kube-system:default"); got.code != http.StatusForbidden {
		t.Errorf("an editor as an account of another namespace: %d as %q", got.code, info.Username)
	}
}

// A server behind the aggregator believes X-Remote headers, so those of a client never reach it, nor do the client's own
// credentials.
func TestClientsHeadersDoNotReachAggregatedServers(t *testing.T) {
	var (
		mu   sync.Mutex
		seen []http.Header
	)
	remote := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if strings.HasSuffix(r.URL.Path, "/things") {
			seen = append(seen, r.Header.Clone())
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(metav1.APIResourceList{TypeMeta: metav1.TypeMeta{Kind: "APIResourceList", APIVersion: "v1"}, GroupVersion: "attack.example.com/v1"})
	}))
	t.Cleanup(remote.Close)
	ns := newNamespace(t)
	port := remote.Listener.Addr().(*net.TCPAddr).Port
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "remote"}, Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeExternalName, ExternalName: "localhost"}}
	if _, err := target.admin.CoreV1().Services(ns).Create(t.Context(), service, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	alice := userNamed(t, "alice")
	made := alice.ask(t, http.MethodPost, "/apis/apiregistration.k8s.io/v1/apiservices", map[string]any{
		"apiVersion": "apiregistration.k8s.io/v1", "kind": "APIService", "metadata": map[string]any{"name": "v1.attack.example.com"},
		"spec": map[string]any{"group": "attack.example.com", "version": "v1", "groupPriorityMinimum": 10, "versionPriority": 10,
			"insecureSkipTLSVerify": true, "service": map[string]any{"namespace": ns, "name": "remote", "port": port}},
	})
	if made.code != http.StatusCreated {
		t.Fatalf("%d %s", made.code, made.message())
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context()) // which has ended
		if got, err := alice.try(ctx, http.MethodDelete, "/apis/apiregistration.k8s.io/v1/apiservices/v1.attack.example.com", nil); err != nil || got.code != http.StatusOK {
			t.Errorf("removing the APIService: %d %v", got.code, err)
		}
	})
	alice.token = "" // by certificate, so that a header Authorization is nothing but a header
	headers := []string{"X-Remote-User", "forged", "X-Remote-Group", "system:masters", "x-remote-group", "system:masters",
		"X-Remote-Extra-Scopes", "forged", "X-Remote-Uid", "forged", "X_Remote_User", "forged", "Cookie", "a=b"}
	await(t, "the aggregated server is reached", func() bool {
		alice.ask(t, http.MethodGet, "/apis/attack.example.com/v1/things", nil, headers...)
		mu.Lock()
		defer mu.Unlock()
		return len(seen) > 0
	})
	mu.Lock()
	defer mu.Unlock()
	for _, h := range seen {
		if user := h.Values("X-Remote-User"); len(user) != 1 || user[0] != "alice" {
			t.Errorf("the aggregated server was told of the user %q", user)
		}
		if groups := h.Values("X-Remote-Group"); strings.Contains(strings.Join(groups, " "), "masters") {
			t.Errorf("the aggregated server was told of the groups %q", groups)
		}
		if extra := h.Values("X-Remote-Extra-Scopes"); len(extra) != 0 {
			t.Errorf("the aggregated server was told of the extra %q", extra)
		}
		if uid := h.Get("X-Remote-Uid"); uid == "forged" {
			t.Error("the aggregated server was told of a forged uid")
		}
		if h.Get("Authorization") != "" {
			t.Error("the client's credentials reached the aggregated server")
		}
	}
}
