// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderestriction

import (
	"testing"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apiserver/pkg/admission"
)

func tokenFor(pod, uid string, audiences ...string) admission.Attributes {
	return on(n1, admission.Create, corev1.Resource("serviceaccounts"), "shop/robot#token", &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		BoundObjectRef: &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: pod, UID: types.UID(uid)},
		Audiences:      audiences,
	}}, nil)
}

func boundTo(ref authenticationv1.BoundObjectReference) admission.Attributes {
	return on(n1, admission.Create, corev1.Resource("serviceaccounts"), "shop/robot#token",
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{BoundObjectRef: &ref}}, nil)
}

func tokenExamples() []example {
	const unbound = "node requested token not bound to a pod"
	accounts := corev1.Resource("serviceaccounts")
	return []example{
		{"N18", "of its pod", tokenFor("web", "uid-web", "vault"), "", ""},
		{"N18", "writing accounts is the authorizer's to refuse", on(n1, admission.Update, accounts, "shop/robot", &corev1.ServiceAccount{}, &corev1.ServiceAccount{}), "", ""},
		{"N18", "of nothing", on(n1, admission.Create, accounts, "shop/robot#token", &authenticationv1.TokenRequest{}, nil), unbound, ""},
		{"N18", "of a secret", boundTo(authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Secret", Name: "web", UID: "uid-web"}), unbound, ""},
		{"N18", "of itself", boundTo(authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Node", Name: "n1", UID: "uid-n1"}), unbound, ""},
		{"N18", "of another version", boundTo(authenticationv1.BoundObjectReference{APIVersion: "v2", Kind: "Pod", Name: "web", UID: "uid-web"}), unbound, ""},
		{"N18", "of a pod without a name", boundTo(authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", UID: "uid-web"}), unbound, ""},
		{"N18", "of a pod without a UID", tokenFor("web", "", "vault"), "with a pod binding without a uid", ""},
		{"N18", "of an earlier pod", tokenFor("web", "old", "vault"), "does not match the UID in record", ""},
		{"N18", "of another's pod", tokenFor("foreign", "uid-foreign", "vault"), "node requested token bound to a pod scheduled on a different node", ""},
		{"N18", "of a pod of no node", tokenFor("unbound", "uid-unbound", "vault"), "scheduled on a different node", ""},
		{"N18", "of no pod", tokenFor("gone", "x", "vault"), "not found", metav1.StatusReasonNotFound},
		{"N18", "of another object", on(n1, admission.Create, accounts, "shop/robot#token", &corev1.Pod{}, nil), "unexpected type", ""},
		{"N19", "that a projected token has", tokenFor("web", "uid-web", "vault"), "", ""},
		{"N19", "that an inline volume's driver asks for", tokenFor("web", "uid-web", "inline"), "", ""},
		{"N19", "that a claimed volume's driver asks for", tokenFor("web", "uid-web", "disk"), "", ""},
		{"N19", "that an ephemeral volume's driver asks for", tokenFor("web", "uid-web", "ephemeral"), "", ""},
		{"N19", "that the driver of a migrated volume asks for", tokenFor("web", "uid-web", "gce"), "", ""},
		{"N19", "that the driver of a migrated inline volume asks for", tokenFor("web", "uid-web", "aws"), "", ""},
		{"N19", "of a driver that the pod does not use", tokenFor("web", "uid-web", "elsewhere"), `system:node:n1 is not authorized to request tokens for audience "elsewhere"`, ""},
		{"N19", "of nobody", tokenFor("web", "uid-web", "bank"), `is not authorized to request tokens for audience "bank"`, ""},
		{"N19", "the API server's, for a pod that has no such token", tokenFor("web", "uid-web"), `is not authorized to request tokens for audience ""`, ""},
		{"N19", "several", tokenFor("web", "uid-web", "vault", "disk"), "node may only request 0 or 1 audiences", ""},
		{"N19", "of a volume that is not there", tokenFor("broken", "uid-broken", "vault"), `error validating audience "vault"`, ""},
	}
}

func TestTokens(t *testing.T) {
	check(t, objects(), grants("", "", ""), tokenExamples())
	may := grants("request-serviceaccounts-token-audience", "bank", "robot")
	check(t, objects(), may, []example{
		{"N19", "with the right to it", tokenFor("web", "uid-web", "bank"), "", ""},
		{"N19", "whatever becomes of volumes", tokenFor("broken", "uid-broken", "bank"), "", ""},
		{"N19", "a right to another", tokenFor("web", "uid-web", "elsewhere"), "is not authorized", ""},
	})
	check(t, objects(), grants("request-serviceaccounts-token-audience", "bank", "admin"), []example{
		{"N19", "a right for another account", tokenFor("web", "uid-web", "bank"), "is not authorized", ""},
	})
	// The default volume asks for the API server's audience by asking for none.
	usual := objects()
	pod := web()
	pod.Spec.Volumes[0].Projected.Sources[0].ServiceAccountToken.Audience = ""
	usual["pods/shop/web"] = pod
	check(t, usual, grants("", "", ""), []example{{"N19", "the API server's", tokenFor("web", "uid-web"), "", ""}})
}
