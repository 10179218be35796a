// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package resources

import (
	"errors"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

type fixed struct {
	lists []*metav1.APIResourceList
	err   error
}

func (f fixed) ServerPreferredResources() ([]*metav1.APIResourceList, error) { return f.lists, f.err }

func TestList(t *testing.T) {
	lists := []*metav1.APIResourceList{
		{GroupVersion: "v1", APIResources: []metav1.APIResource{
			{Name: "pods", Kind: "Pod", Namespaced: true, Verbs: metav1.Verbs{"delete", "list", "watch"}},
			{Name: "bindings", Kind: "Binding", Namespaced: true, Verbs: metav1.Verbs{"create"}},
		}},
		{GroupVersion: "apps/v1", APIResources: []metav1.APIResource{{Name: "deployments", Kind: "Deployment", Verbs: metav1.Verbs{"delete", "list"}}}},
	}
	failed := &discovery.ErrGroupDiscoveryFailed{Groups: map[schema.GroupVersion]error{{Group: "metrics.k8s.io", Version: "v1beta1"}: errors.New("down")}}

	found, err := List(fixed{lists, failed}, "delete", "list", "watch")
	var failure *Failure
	if !errors.As(err, &failure) || !failure.Missing("metrics.k8s.io") || failure.Missing("apps") {
		t.Errorf("List() error = %v", err)
	}
	if len(found) != 1 || found[0].GVK() != (schema.GroupVersionKind{Version: "v1", Kind: "Pod"}) {
		t.Errorf("List() = %v, want pods only", found)
	}
	if _, err := List(fixed{nil, errors.New("refused")}); err == nil || errors.As(err, &failure) && failure == nil {
		t.Errorf("List() error = %v", err)
	}
}
