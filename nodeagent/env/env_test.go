// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package env

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"coxswain.dev/coxswain/nodeagent/fields"
)

func TestExpand(t *testing.T) {
	values := map[string]string{"A": "1", "B": "$(A)", "EMPTY": ""}
	for text, want := range map[string]string{
		"plain": "plain", "$(A)": "1", "x$(A)y$(A)": "x1y1", "$(B)": "$(A)", "$(NOPE)": "$(NOPE)", "$$(A)": "$(A)",
		"$$$(A)": "$1", "$A": "$A", "$": "$", "a$": "a$", "$(A": "$(A", "$(EMPTY)x": "x", "": "",
	} {
		if got, err := Expand(text, lookup(values)); got != want || err != nil {
			t.Errorf("%q became %q (%v), want %q", text, got, err, want)
		}
	}
}

// TestGrowthIsBounded has variables that are twice as long as the ones before them, and the like.
func TestGrowthIsBounded(t *testing.T) {
	doubling := []corev1.EnvVar{{Name: "V0", Value: "0123456789"}}
	for i := 1; i <= 64; i++ {
		doubling = append(doubling, corev1.EnvVar{Name: fmt.Sprintf("V%d", i), Value: strings.Repeat(fmt.Sprintf("$(V%d)", i-1), 2)})
	}
	wide := []corev1.EnvVar{{Name: "V", Value: strings.Repeat("x", 1000)}}
	for i := range 1000 {
		wide = append(wide, corev1.EnvVar{Name: fmt.Sprintf("W%d", i), Value: strings.Repeat("$(V)", 100)})
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}}
	for name, c := range map[string]struct {
		env  []corev1.EnvVar
		want string
	}{
		"each twice the one before": {doubling, "expanding environment variable V14: it is longer than 131072 bytes with its variables filled in"},
		"many of the same":          {wide, "the environment of container c is longer than 6291456 bytes"},
		"as long as can be":         {[]corev1.EnvVar{{Name: "V", Value: strings.Repeat("x", maxText/2)}, {Name: "W", Value: "$(V)$(V)"}}, ""},
	} {
		_, _, err := For(t.Context(), Input{Pod: pod, Container: &corev1.Container{Name: "c", Env: c.env}, Fields: fields.Source{Pod: pod}})
		if got := fmt.Sprint(err); c.want == "" && err != nil || c.want != "" && got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	values := map[string]string{"V": strings.Repeat("x", 100_000)}
	if _, err := ExpandAll([]string{"$(V)", "$(V)$(V)"}, values); err == nil || err.Error() != "expanding argument 1: it is longer than 131072 bytes with its variables filled in" {
		t.Errorf("a long argument: %v", err)
	}
	if _, err := ExpandAll(slices.Repeat([]string{"$(V)"}, 100), values); err == nil || !strings.Contains(err.Error(), "together they are longer") {
		t.Errorf("many arguments: %v", err)
	}
	if got, err := ExpandAll([]string{"$(V)"}, values); err != nil || got[0] != values["V"] {
		t.Errorf("an ordinary argument: %v", err)
	}
}

// FuzzExpand expands any text with variables that contain references, and holds the result to its limit.
func FuzzExpand(f *testing.F) {
	f.Add("$(A)$$(A)$(B", "$(A)")
	f.Add(strings.Repeat("$(A)", 50), strings.Repeat("x", 5000))
	f.Fuzz(func(t *testing.T, text, value string) {
		got, err := Expand(text, lookup(map[string]string{"A": value, "B": text}))
		if len(got) > maxText || err == nil && !strings.Contains(text, "$") && got != text {
			t.Errorf("%q became %d bytes (%v)", text, len(got), err)
		}
	})
}

type objects struct {
	maps    map[string]*corev1.ConfigMap
	secrets map[string]*corev1.Secret
}

func (o objects) ConfigMap(_ context.Context, key types.NamespacedName) (*corev1.ConfigMap, error) {
	if found := o.maps[key.Name]; found != nil {
		return found, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "configmaps"}, key.Name)
}

func (o objects) Secret(_ context.Context, key types.NamespacedName) (*corev1.Secret, error) {
	if found := o.secrets[key.Name]; found != nil {
		return found, nil
	}
	return nil, apierrors.NewNotFound(schema.GroupResource{Resource: "secrets"}, key.Name)
}

func TestFor(t *testing.T) {
	known := objects{
		maps:    map[string]*corev1.ConfigMap{"m": {Data: map[string]string{"k": "v", "a=b": "no name"}}},
		secrets: map[string]*corev1.Secret{"s": {Data: map[string][]byte{"k": []byte("hidden")}}},
	}
	local := func(name string) corev1.LocalObjectReference { return corev1.LocalObjectReference{Name: name} }
	fromMap := func(name, key string, optional bool) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{LocalObjectReference: local(name), Key: key, Optional: &optional}}
	}
	fromSecret := func(name, key string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: local(name), Key: key}}
	}
	yes := true
	for _, c := range []struct {
		name string
		from []corev1.EnvFromSource
		env  []corev1.EnvVar
		want []Variable
		err  string
	}{
		{name: "values may refer to earlier ones", env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "$(A)$(C)"}, {Name: "C", Value: "3"}},
			want: []Variable{{"A", "1"}, {"B", "1$(C)"}, {"C", "3"}}},
		{name: "a later value wins in the earlier one's place", env: []corev1.EnvVar{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}, {Name: "A", Value: "$(A)3"}},
			want: []Variable{{"A", "13"}, {"B", "2"}}},
		{name: "keys", env: []corev1.EnvVar{{Name: "A", ValueFrom: fromMap("m", "k", false)}, {Name: "B", ValueFrom: fromSecret("s", "k")}},
			want: []Variable{{"A", "v"}, {"B", "hidden"}}},
		{name: "whole objects, with a prefix and without keys that can't be names", from: []corev1.EnvFromSource{{Prefix: "P_", ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: local("m")}}},
			want: []Variable{{"P_k", "v"}}},
		{name: "own variables win over whole objects", from: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("s")}}}, env: []corev1.EnvVar{{Name: "k", Value: "mine"}},
			want: []Variable{{"k", "mine"}}},
		{name: "a missing object", env: []corev1.EnvVar{{Name: "A", ValueFrom: fromMap("none", "k", false)}}, err: `configmaps "none" not found`},
		{name: "a missing key", env: []corev1.EnvVar{{Name: "A", ValueFrom: fromMap("m", "none", false)}}, err: "couldn't find key none in ConfigMap ns/m"},
		{name: "missing but optional", env: []corev1.EnvVar{{Name: "A", ValueFrom: fromMap("none", "k", true)}, {Name: "B", ValueFrom: fromMap("m", "none", true)}}},
		{name: "a missing whole object", from: []corev1.EnvFromSource{{SecretRef: &corev1.SecretEnvSource{LocalObjectReference: local("none")}}}, err: `secrets "none" not found`},
		{name: "missing but optional as a whole", from: []corev1.EnvFromSource{{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: local("none"), Optional: &yes}}}},
		{name: "fields", env: []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}}, want: []Variable{{"A", "p"}}},
		{name: "a field that does not exist", env: []corev1.EnvVar{{Name: "A", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "spec.nope"}}}}, err: "not supported"},
	} {
		t.Run(c.name, func(t *testing.T) {
			pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}}
			got, _, err := For(t.Context(), Input{
				Pod: pod, Container: &corev1.Container{EnvFrom: c.from, Env: c.env}, Objects: known, Fields: fields.Source{Pod: pod},
			})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error is %v, want one with %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestServices(t *testing.T) {
	service := func(namespace, name, ip string, ports ...corev1.ServicePort) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}, Spec: corev1.ServiceSpec{ClusterIP: ip, Ports: ports}}
	}
	all := []*corev1.Service{
		service("default", "kubernetes", "10.0.0.1", corev1.ServicePort{Name: "https", Port: 443, Protocol: corev1.ProtocolTCP}),
		service("ns", "my-web", "10.0.0.2", corev1.ServicePort{Port: 80, Protocol: corev1.ProtocolTCP}, corev1.ServicePort{Name: "dns", Port: 53, Protocol: corev1.ProtocolUDP}),
		service("ns", "headless", "None", corev1.ServicePort{Port: 80}),
		service("other", "hidden", "10.0.0.3", corev1.ServicePort{Port: 80}),
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns"}}
	want := []Variable{
		{"KUBERNETES_SERVICE_HOST", "10.0.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}, {"KUBERNETES_SERVICE_PORT_HTTPS", "443"},
		{"KUBERNETES_PORT", "tcp://10.0.0.1:443"}, {"KUBERNETES_PORT_443_TCP", "tcp://10.0.0.1:443"}, {"KUBERNETES_PORT_443_TCP_PROTO", "tcp"},
		{"KUBERNETES_PORT_443_TCP_PORT", "443"}, {"KUBERNETES_PORT_443_TCP_ADDR", "10.0.0.1"},
		{"MY_WEB_SERVICE_HOST", "10.0.0.2"}, {"MY_WEB_SERVICE_PORT", "80"}, {"MY_WEB_SERVICE_PORT_DNS", "53"},
		{"MY_WEB_PORT", "tcp://10.0.0.2:80"}, {"MY_WEB_PORT_80_TCP", "tcp://10.0.0.2:80"}, {"MY_WEB_PORT_80_TCP_PROTO", "tcp"},
		{"MY_WEB_PORT_80_TCP_PORT", "80"}, {"MY_WEB_PORT_80_TCP_ADDR", "10.0.0.2"},
		{"MY_WEB_PORT_53_UDP", "udp://10.0.0.2:53"}, {"MY_WEB_PORT_53_UDP_PROTO", "udp"}, {"MY_WEB_PORT_53_UDP_PORT", "53"}, {"MY_WEB_PORT_53_UDP_ADDR", "10.0.0.2"},
	}
	if diff := cmp.Diff(want, serviceVariables(pod, all)); diff != "" {
		t.Error(diff)
	}
	no := false
	pod.Spec.EnableServiceLinks = &no
	if diff := cmp.Diff(want[:8], serviceVariables(pod, all)); diff != "" {
		t.Errorf("without links: %s", diff)
	}
}
