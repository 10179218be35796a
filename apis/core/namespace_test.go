// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package core

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNamespaceLife(t *testing.T) {
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "team"}, Status: corev1.NamespaceStatus{Phase: corev1.NamespaceTerminating}}
	createNamespace(context.Background(), ns)
	want := &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: "team", Labels: map[string]string{"kubernetes.io/metadata.name": "team"}},
		Spec:       corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{corev1.FinalizerKubernetes}},
		Status:     corev1.NamespaceStatus{Phase: corev1.NamespaceActive},
	}
	if diff := cmp.Diff(want, ns); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}

	update := ns.DeepCopy()
	update.Spec.Finalizers = nil
	Namespaces.OnUpdate(context.Background(), update, ns)
	if !Namespaces.Held(update) {
		t.Error("an update must not take the finalizer off")
	}

	Namespaces.OnDelete(ns)
	if ns.Status.Phase != corev1.NamespaceTerminating {
		t.Errorf("phase of a deleted namespace is %s", ns.Status.Phase)
	}
	ns.Spec.Finalizers = nil
	if Namespaces.Held(ns) {
		t.Error("a namespace without finalizers may go")
	}
}

func TestValidateNamespace(t *testing.T) {
	ns := &corev1.Namespace{Spec: corev1.NamespaceSpec{Finalizers: []corev1.FinalizerName{"kubernetes", "example.com/a b"}}}
	compare(t, ValidateNamespaceFinalize(ns, ns), []string{
		`spec.finalizers[1]: Invalid value: "example.com/a b": name part must consist of …`})
	ns.Status.Phase = corev1.NamespaceTerminating
	compare(t, validateNamespaceStatus(ns, ns), []string{
		"status.phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"})
	ns.DeletionTimestamp, ns.Status.Phase = &metav1.Time{Time: now}, corev1.NamespaceActive
	compare(t, validateNamespaceStatus(ns, ns), []string{
		"status.phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty"})
}
