// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

func TestValidateConfigMap(t *testing.T) {
	fixed := &corev1.ConfigMap{Immutable: ptr.To(true), Data: map[string]string{"a": "b"}}
	for _, tc := range []struct {
		name      string
		data, old *corev1.ConfigMap
		want      []string
	}{
		{"valid", &corev1.ConfigMap{Data: map[string]string{"a.b-c_D": ""}, BinaryData: map[string][]byte{"x": {0}}}, nil, nil},
		{"bad key", &corev1.ConfigMap{Data: map[string]string{"a/b": ""}}, nil, []string{
			`data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.'…`}},
		{"key in both", &corev1.ConfigMap{Data: map[string]string{"a": ""}, BinaryData: map[string][]byte{"a": nil}}, nil, []string{
			`data[a]: Invalid value: "a": duplicate of key present in binaryData`}},
		{"too big", &corev1.ConfigMap{BinaryData: map[string][]byte{"a": bytes.Repeat([]byte{0}, 1<<20), "b": {0}}}, nil, []string{
			"[]: Too long: may not be more than 1048576 bytes"}},
		{"changed though immutable", &corev1.ConfigMap{Immutable: ptr.To(true), Data: map[string]string{"a": "c"}}, fixed, []string{
			"data: Forbidden: field is immutable when `immutable` is set"}},
		{"made mutable", &corev1.ConfigMap{Data: fixed.Data}, fixed, []string{
			"immutable: Forbidden: field is immutable when `immutable` is set"}},
		{"labelled", &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}}, Immutable: ptr.To(true), Data: fixed.Data}, fixed, nil},
	} {
		t.Run(tc.name, func(t *testing.T) { compare(t, validateConfigMap(tc.data, tc.old), tc.want) })
	}
}

func TestSecret(t *testing.T) {
	secret := func(kind corev1.SecretType, keys ...string) *corev1.Secret {
		s := &corev1.Secret{Type: kind, Data: map[string][]byte{}}
		for _, key := range keys {
			s.Data[key] = []byte("x")
		}
		return s
	}
	fixed := secret(corev1.SecretTypeOpaque, "a")
	fixed.Immutable = ptr.To(true)
	for _, tc := range []struct {
		name        string
		secret, old *corev1.Secret
		want        []string
	}{
		{"valid", secret(corev1.SecretTypeOpaque, "a"), nil, nil},
		{"own type", secret("example.com/t", "a"), nil, nil},
		{"TLS without a key", secret(corev1.SecretTypeTLS, "tls.crt"), nil, []string{"data[tls.key]: Required value"}},
		{"basic auth without either", secret(corev1.SecretTypeBasicAuth), nil, []string{"data[username]: Required value", "data[password]: Required value"}},
		{"basic auth with a password", secret(corev1.SecretTypeBasicAuth, "password"), nil, nil},
		{"SSH", secret(corev1.SecretTypeSSHAuth), nil, []string{"data[ssh-privatekey]: Required value"}},
		{"docker", secret(corev1.SecretTypeDockerConfigJson, ".dockerconfigjson"), nil, []string{
			`data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character 'x' looking for beginning of value`}},
		{"token of nobody", secret(corev1.SecretTypeServiceAccountToken), nil, []string{
			"metadata.annotations[kubernetes.io/service-account.name]: Required value"}},
		{"another type", secret(corev1.SecretTypeOpaque), secret(corev1.SecretTypeSSHAuth, "ssh-privatekey"), []string{
			`type: Invalid value: "Opaque": field is immutable`}},
		{"changed though immutable", secret(corev1.SecretTypeOpaque, "b"), fixed, []string{
			"immutable: Forbidden: field is immutable when `immutable` is set",
			"data: Forbidden: field is immutable when `immutable` is set"}},
	} {
		t.Run(tc.name, func(t *testing.T) { compare(t, validateSecret(tc.secret, tc.old), tc.want) })
	}
}

func TestStringDataBecomesData(t *testing.T) {
	s := &corev1.Secret{Data: map[string][]byte{"a": []byte("old"), "b": []byte("kept")}, StringData: map[string]string{"a": "new"}}
	defaultSecret(s)
	want := &corev1.Secret{Type: corev1.SecretTypeOpaque, Data: map[string][]byte{"a": []byte("new"), "b": []byte("kept")}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("secret (-want +got):\n%s", diff)
	}
}

func TestServiceAccountKeepsSecretNames(t *testing.T) {
	a := &corev1.ServiceAccount{Secrets: []corev1.ObjectReference{{Namespace: "other", Name: "s", UID: "1"}}}
	ServiceAccounts.OnCreate(t.Context(), a)
	if diff := cmp.Diff([]corev1.ObjectReference{{Name: "s"}}, a.Secrets); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	compareCells(t, ServiceAccounts, a, map[string]any{"Secrets": int64(1), "Age": "<unknown>"})
}
