// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func policyRule(group, verbs string, resources ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Verbs: strings.Split(verbs, ","), Resources: resources}
}

// grant gives a user a cluster role of his own with these rules, and waits until it holds.
func grant(t *testing.T, name string, rules ...rbacv1.PolicyRule) {
	t.Helper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "attack:" + name}, Rules: rules}
	binding := &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "attack:" + name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: name}},
	}
	if _, err := target.admin.RbacV1().ClusterRoles().Create(t.Context(), role, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	if _, err := target.admin.RbacV1().ClusterRoleBindings().Create(t.Context(), binding, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		t.Fatal(err)
	}
	last := rules[len(rules)-1]
	await(t, name+" has the granted rights", func() bool {
		q := question{verb: last.Verbs[0], group: last.APIGroups[0], resource: last.Resources[0]}
		allowed, _, err := review(t.Context(), person{user: name, groups: []string{"system:authenticated"}}, q)
		return err == nil && allowed
	})
}

// Who may write roles and bindings gives nobody, himself included, more than he has, but with escalate and bind.
func TestNobodyGivesMoreThanHeHas(t *testing.T) {
	ns := newNamespace(t)
	grant(t, "clerk",
		policyRule("", "get,list", "pods"),
		policyRule(rbacv1.GroupName, "get,list,create,update,patch,delete", "roles", "rolebindings", "clusterroles", "clusterrolebindings"))
	clerk := userNamed(t, "clerk")
	const api = "/apis/rbac.authorization.k8s.io/v1"
	inside := api + "/namespaces/" + ns
	role := func(kind, name string, rules ...rbacv1.PolicyRule) map[string]any {
		return map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": map[string]any{"name": name}, "rules": rules}
	}
	binding := func(kind, name, roleKind, roleName string) map[string]any {
		return map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": map[string]any{"name": name},
			"roleRef":  map[string]any{"apiGroup": rbacv1.GroupName, "kind": roleKind, "name": roleName},
			"subjects": []any{map[string]any{"kind": "User", "apiGroup": rbacv1.GroupName, "name": "clerk"}}}
	}
	pods := policyRule("", "get", "pods")
	ok := func(what string, got answer) {
		t.Helper()
		if got.code >= 300 {
			t.Errorf("%s: %d %s", what, got.code, got.message())
		}
	}
	no := func(what string, got answer) {
		t.Helper()
		if got.code != http.StatusForbidden {
			t.Errorf("%s: %d %s, want 403", what, got.code, got.message())
		}
	}
	merge := []string{"Content-Type", "application/merge-patch+json"}
	apply := []string{"Content-Type", "application/apply-patch+yaml"}
	ok("a role of what he has", clerk.ask(t, http.MethodPost, inside+"/roles", role("Role", "small", pods)))
	ok("a binding to it", clerk.ask(t, http.MethodPost, inside+"/rolebindings", binding("RoleBinding", "small", "Role", "small")))
	for name, rule := range map[string]rbacv1.PolicyRule{
		"secrets":        policyRule("", "get", "secrets"),
		"another-verb":   policyRule("", "delete", "pods"),
		"all-verbs":      policyRule("", "*", "pods"),
		"all-resources":  policyRule("", "get", "*"),
		"all-groups":     policyRule("*", "get", "pods"),
		"a-subresource":  policyRule("", "get", "pods/exec"),
		"subresources":   policyRule("", "get", "*/exec"),
		"escalate":       policyRule(rbacv1.GroupName, "escalate", "roles"),
		"impersonation":  policyRule("", "impersonate", "users"),
		"virtual-signer": policyRule("certificates.k8s.io", "approve", "signers"),
	} {
		no("a role of "+name, clerk.ask(t, http.MethodPost, inside+"/roles", role("Role", name, rule)))
		no("a cluster role of "+name, clerk.ask(t, http.MethodPost, api+"/clusterroles", role("ClusterRole", name, rule)))
		no("a role made to hold "+name, clerk.ask(t, http.MethodPut, inside+"/roles/small", role("Role", "small", pods, rule)))
		no("a role patched to hold "+name, clerk.ask(t, http.MethodPatch, inside+"/roles/small", map[string]any{"rules": []any{rule}}, merge...))
		no("a role applied to hold "+name, clerk.ask(t, http.MethodPatch, inside+"/roles/small?fieldManager=x&force=true", role("Role", "small", rule), apply...))
		no("a role created by an update to hold "+name, clerk.ask(t, http.MethodPatch, inside+"/roles/new?fieldManager=x", role("Role", "new", rule), apply...))
	}
	paths := map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "paths"},
		"rules": []any{map[string]any{"verbs": []string{"get"}, "nonResourceURLs": []string{"*"}}}}
	no("a cluster role of all paths", clerk.ask(t, http.MethodPost, api+"/clusterroles", paths))
	for _, name := range []string{"cluster-admin", "edit", "system:node", "system:kube-controller-manager"} {
		no("a binding to "+name, clerk.ask(t, http.MethodPost, inside+"/rolebindings", binding("RoleBinding", "big", "ClusterRole", name)))
		no("a cluster binding to "+name, clerk.ask(t, http.MethodPost, api+"/clusterrolebindings", binding("ClusterRoleBinding", "big", "ClusterRole", name)))
	}
	// A role that is not there today could be anything tomorrow.
	if got := clerk.ask(t, http.MethodPost, inside+"/rolebindings", binding("RoleBinding", "future", "Role", "future")); got.code < 400 || got.code >= 500 {
		t.Errorf("a binding to a role that is not there: %d", got.code)
	}
	// roleRef is fixed: a binding that was harmless can't be led elsewhere, by anybody.
	changed := binding("RoleBinding", "small", "ClusterRole", "cluster-admin")
	if got := clerk.ask(t, http.MethodPut, inside+"/rolebindings/small", changed); got.code != http.StatusForbidden && got.code != http.StatusUnprocessableEntity {
		t.Errorf("a binding led to another role: %d %s", got.code, got.message())
	}
	if got := userNamed(t, "alice").ask(t, http.MethodPut, inside+"/rolebindings/small", changed); got.code != http.StatusUnprocessableEntity {
		t.Errorf("a binding led to another role by an administrator: %d %s", got.code, got.message())
	}
	// Labels that put a cluster role into admin, edit and view give what is in it to their holders.
	stronger := role("ClusterRole", "aggregate", policyRule("", "get", "secrets"))
	stronger["metadata"] = map[string]any{"name": "aggregate", "labels": map[string]string{"rbac.authorization.k8s.io/aggregate-to-view": "true"}}
	no("a cluster role for aggregation", clerk.ask(t, http.MethodPost, api+"/clusterroles", stronger))
	selecting := map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": map[string]any{"name": "selecting"},
		"aggregationRule": map[string]any{"clusterRoleSelectors": []any{map[string]any{"matchLabels": map[string]string{"rbac.authorization.k8s.io/aggregate-to-admin": "true"}}}}}
	no("a cluster role that aggregates", clerk.ask(t, http.MethodPost, api+"/clusterroles", selecting))
}

// The owner of a namespace gives away what he has there, and nothing beyond it.
func TestAnOwnerStaysInHisNamespace(t *testing.T) {
	owner := identity{token: accountToken(t, team, "owner")}
	const api = "/apis/rbac.authorization.k8s.io/v1"
	binding := func(name, roleName string) map[string]any {
		return map[string]any{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": map[string]any{"name": name},
			"roleRef":  map[string]any{"apiGroup": rbacv1.GroupName, "kind": "ClusterRole", "name": roleName},
			"subjects": []any{map[string]any{"kind": "ServiceAccount", "namespace": elsewhere, "name": "default"}}}
	}
	if got := owner.ask(t, http.MethodPost, api+"/namespaces/team/rolebindings", binding("to-view", "view")); got.code != http.StatusCreated {
		t.Errorf("an owner's binding to view: %d %s", got.code, got.message())
	}
	for where, roleName := range map[string]string{"team": "cluster-admin", elsewhere: "view", "kube-system": "view"} {
		if got := owner.ask(t, http.MethodPost, api+"/namespaces/"+where+"/rolebindings", binding("x", roleName)); got.code != http.StatusForbidden {
			t.Errorf("an owner's binding to %s in %s: %d", roleName, where, got.code)
		}
	}
	for _, path := range []string{"/api/v1/namespaces", "/api/v1/nodes", "/api/v1/secrets", "/api/v1/namespaces/elsewhere/pods",
		"/api/v1/pods?fieldSelector=metadata.namespace=team", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"} {
		if got := owner.ask(t, http.MethodGet, path, nil); got.code != http.StatusForbidden {
			t.Errorf("an owner's GET %s: %d", path, got.code)
		}
	}
}

// Tokens of an account are given to who may create serviceaccounts/token there, and only for what exists.
func TestTokensOfOtherAccounts(t *testing.T) {
	viewer := identity{token: accountToken(t, team, "viewer")}
	request := map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": map[string]any{}}
	if got := viewer.ask(t, http.MethodPost, "/api/v1/namespaces/team/serviceaccounts/owner/token", request); got.code != http.StatusForbidden {
		t.Errorf("a viewer asks for the owner's token: %d", got.code)
	}
	editor := identity{token: accountToken(t, team, "editor")}
	if got := editor.ask(t, http.MethodPost, "/api/v1/namespaces/kube-system/serviceaccounts/default/token", request); got.code != http.StatusForbidden {
		t.Errorf("an editor asks for a token of another namespace: %d", got.code)
	}
	// By design an editor may act as every account of the namespace (RBAC reference, "edit").
	got := editor.ask(t, http.MethodPost, "/api/v1/namespaces/team/serviceaccounts/owner/token", request)
	if got.code != http.StatusCreated {
		t.Errorf("an editor asks for the owner's token: %d %s", got.code, got.message())
	}
	alice := userNamed(t, "alice")
	for name, spec := range map[string]authenticationv1.TokenRequestSpec{
		"a pod that is not there": {BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: "ghost"}},
		"a kind that can't be":    {BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "ConfigMap", Name: "kube-root-ca.crt"}},
		"no name":                 {BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod"}},
		"a minute":                {ExpirationSeconds: ptr64(60)},
		"a hundred years and one": {ExpirationSeconds: ptr64(1<<32 + 1)},
	} {
		body := map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
		if got := alice.ask(t, http.MethodPost, "/api/v1/namespaces/team/serviceaccounts/nobody/token", body); got.code < 400 || got.code >= 500 {
			t.Errorf("a token for %s: %d %s", name, got.code, got.message())
		}
	}
}

// Streams take the right to create, however they are opened; reading a pod gives none of them.
func TestStreamsTakeTheRightToCreate(t *testing.T) {
	ns := newNamespace(t)
	grant(t, "reader", policyRule("", "get,list,watch", "pods", "pods/exec", "pods/attach", "pods/portforward", "nodes/proxy"))
	reader := userNamed(t, "reader")
	upgrade := []string{"Connection", "Upgrade", "Upgrade", "websocket", "Sec-WebSocket-Version", "13",
		"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Protocol", "v5.channel.k8s.io"}
	for _, sub := range []string{"exec?command=id", "attach", "portforward?ports=80"} {
		path := fmt.Sprintf("/api/v1/namespaces/%s/pods/p/%s", ns, sub)
		if got := reader.ask(t, http.MethodGet, path, nil, upgrade...); got.code != http.StatusForbidden {
			t.Errorf("GET %s by upgrade, with get only: %d %s", sub, got.code, got.message())
		}
		if got := reader.ask(t, http.MethodPost, path, nil); got.code != http.StatusForbidden {
			t.Errorf("POST %s with get only: %d", sub, got.code)
		}
	}
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "streams"}, Status: corev1.NodeStatus{
		Addresses: []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "192.0.2.1"}}, // of no network; nothing is dialled
	}}
	if _, err := target.admin.CoreV1().Nodes().Create(t.Context(), node, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/nodes/streams/proxy/exec/ns/p/c", "/api/v1/nodes/streams/proxy/run/ns/p/c", "/api/v1/nodes/streams/proxy/attach/ns/p/c"} {
		if got := reader.ask(t, http.MethodGet, path, nil, upgrade...); got.code != http.StatusForbidden {
			t.Errorf("GET %s by upgrade, with get only: %d %s", path, got.code, got.message())
		}
	}
}

func ptr64(n int64) *int64 { return &n }
