// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A node made a mirror pod that names a Secret, took the mark of mirror pods off through its status, and might read the
// Secret from then on.
func TestANodeReadsNoSecretByAMirrorPod(t *testing.T) {
	ns := newNamespace(t)
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "crown"}, StringData: map[string]string{"k": "jewels"}}
	if _, err := target.admin.CoreV1().Secrets(ns).Create(t.Context(), secret, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	node := userNamed(t, "system:node:mirrors", "system:nodes")
	made, err := target.admin.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "mirrors"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pods := "/api/v1/namespaces/" + ns + "/pods"
	owner := []any{map[string]any{"apiVersion": "v1", "kind": "Node", "name": "mirrors", "uid": made.UID, "controller": true}}
	mirror := func(name string, owners []any, spec map[string]any) map[string]any {
		all := map[string]any{"nodeName": "mirrors", "automountServiceAccountToken": false, "containers": []any{map[string]any{"name": "c", "image": "x"}}}
		for k, v := range spec {
			all[k] = v
		}
		return map[string]any{"apiVersion": "v1", "kind": "Pod", "spec": all, "metadata": map[string]any{
			"name": name, "annotations": map[string]string{corev1.MirrorPodAnnotationKey: "x"}, "ownerReferences": owners}}
	}
	whole := []any{map[string]any{"secretRef": map[string]any{"name": "crown"}}}
	for name, pod := range map[string]map[string]any{
		"without an owner":            mirror("m1", nil, nil),
		"with a secret in envFrom":    mirror("m2", owner, map[string]any{"containers": []any{map[string]any{"name": "c", "image": "x", "envFrom": whole}}}),
		"with one in an init":         mirror("m3", owner, map[string]any{"initContainers": []any{map[string]any{"name": "i", "image": "x", "envFrom": whole}}}),
		"with a secret to pull by":    mirror("m4", owner, map[string]any{"imagePullSecrets": []any{map[string]any{"name": "crown"}}}),
		"with an account":             mirror("m5", owner, map[string]any{"serviceAccountName": "default"}),
		"with a secret as a volume":   mirror("m6", owner, map[string]any{"volumes": []any{map[string]any{"name": "v", "secret": map[string]any{"secretName": "crown"}}}}),
		"on another node":             mirror("m7", owner, map[string]any{"nodeName": "other"}),
		"projecting an account token": mirror("m8", owner, map[string]any{"volumes": []any{map[string]any{"name": "v", "projected": map[string]any{"sources": []any{map[string]any{"serviceAccountToken": map[string]any{"path": "t"}}}}}}}),
	} {
		if got := node.ask(t, http.MethodPost, pods, pod); got.code != http.StatusForbidden {
			t.Errorf("a mirror pod %s: %d %s", name, got.code, got.message())
		}
	}
	if got := node.ask(t, http.MethodPost, pods, mirror("good", owner, nil)); got.code != http.StatusCreated {
		t.Fatalf("a mirror pod as agents make them: %d %s", got.code, got.message())
	}
	for _, patch := range []string{
		`{"metadata":{"annotations":{"kubernetes.io/config.mirror":null}}}`, `{"metadata":{"annotations":null}}`, `{"metadata":{"annotations":{"a":"b"}}}`,
		`{"metadata":{"finalizers":["example.com/keep"]}}`, `{"metadata":{"labels":{"app":"db"}}}`, `{"metadata":{"ownerReferences":null}}`,
	} {
		node.ask(t, http.MethodPatch, pods+"/good/status", patch, "Content-Type", "application/merge-patch+json")
		kept, err := target.admin.CoreV1().Pods(ns).Get(t.Context(), "good", metav1.GetOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if len(kept.Annotations) != 1 || kept.Annotations[corev1.MirrorPodAnnotationKey] != "x" || len(kept.Finalizers) > 0 || len(kept.Labels) > 0 || len(kept.OwnerReferences) != 1 {
			t.Fatalf("after %s through the status: %+v", patch, kept.ObjectMeta)
		}
	}
	if got := node.ask(t, http.MethodGet, "/api/v1/namespaces/"+ns+"/secrets/crown", nil); got.code != http.StatusForbidden {
		t.Errorf("the secret: %d", got.code)
	}
}

// With nodes/status and nodes/proxy, and nothing else, somebody had the API server dial itself, as an administrator.
func TestStatusesDoNotLeadTheServerToItself(t *testing.T) {
	grant(t, "proxyuser", policyRule("", "*", "nodes/status"), policyRule("", "*", "nodes/proxy"))
	who := userNamed(t, "proxyuser")
	if _, err := target.admin.CoreV1().Nodes().Create(t.Context(), &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "fake"}}, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(target.address)
	if err != nil {
		t.Fatal(err)
	}
	binding := `{"metadata":{"name":"proxyuser-root"},"roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"cluster-admin"},` +
		`"subjects":[{"kind":"User","apiGroup":"rbac.authorization.k8s.io","name":"proxyuser"}]}`
	for _, address := range []string{"127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1", "0.0.0.0", "169.254.169.254", "fe80::1", "localhost", "64:ff9b::7f00:1"} {
		kind := "InternalIP"
		if address == "localhost" {
			kind = "Hostname"
		}
		status := fmt.Sprintf(`{"status":{"addresses":[{"type":%q,"address":%q}],"daemonEndpoints":{"kubeletEndpoint":{"Port":%s}}}}`, kind, address, port)
		if got := who.ask(t, http.MethodPatch, "/api/v1/nodes/fake/status", status, "Content-Type", "application/merge-patch+json"); got.code >= 300 {
			continue // no such address is even written down
		}
		for _, path := range []string{"/api/v1/nodes/fake/proxy", "/api/v1/nodes/fake:" + port + "/proxy", "/api/v1/nodes/https:fake:" + port + "/proxy"} {
			if got := who.ask(t, http.MethodGet, path+"/api/v1/secrets", nil); got.code != http.StatusBadRequest {
				t.Errorf("GET %s/api/v1/secrets with the node at %s: %d %s", path, address, got.code, got.message())
			}
			if got := who.ask(t, http.MethodPost, path+"/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding); got.code < 400 || got.code >= 500 {
				t.Errorf("POST through %s with the node at %s: %d", path, address, got.code)
			}
		}
	}
	if _, err := target.admin.RbacV1().ClusterRoleBindings().Get(t.Context(), "proxyuser-root", metav1.GetOptions{}); err == nil {
		t.Error("a binding to cluster-admin was made through nodes/proxy")
	}
}

// The status of a pod leads nowhere either.
func TestPodStatusesLeadNowhere(t *testing.T) {
	ns := newNamespace(t)
	alice := userNamed(t, "alice")
	pods := "/api/v1/namespaces/" + ns + "/pods"
	if got := alice.ask(t, http.MethodPost, pods, `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"x"}]}}`); got.code != http.StatusCreated {
		t.Fatalf("%d %s", got.code, got.message())
	}
	_, port, _ := net.SplitHostPort(target.address)
	for _, address := range []string{"127.0.0.1", "::1", "169.254.169.254"} {
		status := fmt.Sprintf(`{"status":{"podIP":%q,"podIPs":[{"ip":%q}]}}`, address, address)
		if got := alice.ask(t, http.MethodPatch, pods+"/p/status", status, "Content-Type", "application/merge-patch+json"); got.code >= 300 {
			continue
		}
		for _, name := range []string{"p:" + port, "https:p:" + port, "https:p:"} {
			if got := alice.ask(t, http.MethodGet, pods+"/"+name+"/proxy/api/v1/secrets", nil); got.code != http.StatusBadRequest {
				t.Errorf("%s with the pod at %s: %d %s", name, address, got.code, got.message())
			}
		}
	}
}

// A dozen letters kept a core busy for ever.
func TestNumbersThatNeverEnd(t *testing.T) {
	alice := userNamed(t, "alice")
	for _, number := range []string{"1e2147483648", "1e2147483647", "1e-2147483648", "1E99999999999", "0e2147483647", "1e400", strings.Repeat("9", 100000), "0." + strings.Repeat("0", 100000) + "1"} {
		body := fmt.Sprintf(`{"metadata":{"name":"x"},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":%q}}}]}}`, number)
		began := time.Now()
		got := alice.ask(t, http.MethodPost, "/api/v1/namespaces/team/pods?dryRun=All", body)
		if took := time.Since(began); took > 2*time.Second || got.code >= 500 {
			t.Errorf("%.20s: %d after %s", number, got.code, took)
		}
		if strings.Contains(number, "214748") && number[0] != '0' && // nothing times anything is nothing
			(got.code < 400 || !strings.Contains(got.message(), "cpu")) {
			t.Errorf("%.20s: %d %s", number, got.code, got.message())
		}
	}
	still(t)
}

// One account without rights that reads no answers took every place, and all memory.
func TestWhoDoesNotReadTakesNobodysPlace(t *testing.T) {
	token := accountToken(t, team, "nobody")
	roots := (identity{}).tlsConfig()
	roots.NextProtos = []string{"http/1.1"}
	for range 100 {
		conn, err := dialSmall(t, roots)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		if _, err := fmt.Fprintf(conn, "GET /openapi/v2 HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nAuthorization: Bearer %s\r\n\r\n", token); err != nil {
			t.Fatal(err)
		}
	}
	other := identity{token: accountToken(t, team, "viewer")}
	for range 20 {
		began := time.Now()
		got := other.ask(t, http.MethodGet, "/api/v1/namespaces/team/pods", nil)
		if took := time.Since(began); got.code != http.StatusOK || took > 3*time.Second {
			t.Fatalf("another account: %d after %s", got.code, took)
		}
	}
	still(t)
}

// Metrics, profiles and the state of priority and fairness need a login and the right to them.
func TestWhatComponentsTellAboutThemselves(t *testing.T) {
	for name, who := range map[string]identity{"anonymous": {}, "somebody": userNamed(t, "mallory"), "an owner of a namespace": {token: accountToken(t, team, "owner")}} {
		for _, path := range []string{"/metrics", "/metrics/slis", "/debug/pprof/", "/debug/pprof/heap", "/debug/api_priority_and_fairness/dump_requests",
			"/debug/api_priority_and_fairness/dump_queues", "/configz", "/flagz", "/statusz", "/logs/"} {
			if got := who.ask(t, http.MethodGet, path, nil); got.code != http.StatusForbidden {
				t.Errorf("%s: GET %s: %d", name, path, got.code)
			}
		}
	}
	for _, path := range []string{"/healthz", "/readyz?verbose", "/livez?verbose"} {
		got := (identity{}).ask(t, http.MethodGet, path, nil)
		if got.code != http.StatusOK {
			t.Errorf("GET %s: %d", path, got.code)
		}
		for _, secret := range []string{target.dir, "error", ".crt", "127.0.0.1"} {
			if bytes.Contains(got.body, []byte(secret)) {
				t.Errorf("GET %s tells %q: %s", path, secret, got.body)
			}
		}
	}
}
