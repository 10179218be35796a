// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/apis/scheduling"
)

// namespaces makes the namespaces of the system.
func (b *Bootstrap) namespaces(ctx context.Context) error {
	var tasks []task
	for _, name := range []string{metav1.NamespaceDefault, metav1.NamespaceSystem, metav1.NamespacePublic, corev1.NamespaceNodeLease} {
		tasks = append(tasks, func(ctx context.Context) error {
			return b.stores.ensure(ctx, namespaces, &corev1.Namespace{
				ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelMetadataName: name}},
				Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
				Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
			})
		})
	}
	return inParallel(ctx, tasks)
}

// priorityClasses makes the classes of system pods, and puts their values right should they be wrong.
func (b *Bootstrap) priorityClasses(ctx context.Context) error {
	if !b.stores.has(priorityClasses) {
		return nil
	}
	var tasks []task
	for _, class := range scheduling.SystemClasses() {
		tasks = append(tasks, func(ctx context.Context) error {
			return b.stores.ensure(ctx, priorityClasses, class)
		})
	}
	return inParallel(ctx, tasks)
}

// ExtensionAuthentication is what an extension API server must know in order to trust requests that the API server
// passes on to it.
type ExtensionAuthentication struct {
	// ClientCA is the authority of client certificates, in PEM form.
	ClientCA []byte
	// RequestHeaderCA is the authority of the front proxy's certificate; without it there are no headers to trust.
	RequestHeaderCA                   []byte
	AllowedNames                      []string
	UsernameHeaders, UIDHeaders       []string
	GroupHeaders, ExtraHeaderPrefixes []string
}

const extensionConfigMap = "extension-apiserver-authentication"

// extensionAuthentication publishes the settings.
func (b *Bootstrap) extensionAuthentication(ctx context.Context) error {
	want, err := b.config.Authentication.data()
	if err != nil {
		return fmt.Errorf("encoding %s: %w", extensionConfigMap, err)
	}
	if len(want) == 0 || !b.stores.has(configMaps) {
		return nil
	}
	return apply(ctx, b.stores, configMaps, metav1.NamespaceSystem, extensionConfigMap,
		func() *corev1.ConfigMap { return &corev1.ConfigMap{} },
		func(m *corev1.ConfigMap) bool {
			before := maps.Clone(m.Data)
			if m.Data == nil {
				m.Data = map[string]string{}
			}
			maps.Copy(m.Data, want) // what another server published stays
			return !maps.Equal(before, m.Data)
		})
}

func (a ExtensionAuthentication) data() (map[string]string, error) {
	data := map[string]string{}
	if len(a.ClientCA) > 0 {
		data["client-ca-file"] = string(a.ClientCA)
	}
	if len(a.RequestHeaderCA) == 0 {
		return data, nil
	}
	data["requestheader-client-ca-file"] = string(a.RequestHeaderCA)
	for key, values := range map[string][]string{
		"requestheader-allowed-names":        a.AllowedNames,
		"requestheader-username-headers":     a.UsernameHeaders,
		"requestheader-uid-headers":          a.UIDHeaders,
		"requestheader-group-headers":        a.GroupHeaders,
		"requestheader-extra-headers-prefix": a.ExtraHeaderPrefixes,
	} {
		if values == nil {
			values = []string{}
		}
		encoded, err := json.Marshal(values)
		if err != nil {
			return nil, err
		}
		data[key] = string(encoded)
	}
	return data, nil
}
