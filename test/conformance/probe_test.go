// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

func TestASweepTakesOnlyNamespacesOfTests(t *testing.T) {
	namespace := func(name string, labels map[string]string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}
	}
	api := fake.NewClientset(namespace("default", nil), namespace("pods-123", map[string]string{madeBySuite: "pods"}))
	found, err := sweep(t.Context(), api, time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"pods-123"}, found); diff != "" {
		t.Errorf("found (-want +got):\n%s", diff)
	}
	left, err := api.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if len(left.Items) != 1 || left.Items[0].Name != "default" {
		t.Errorf("left: %v", left.Items)
	}
}

func TestAClusterIsReadyWithAllItsNodes(t *testing.T) {
	node := func(name string, status corev1.ConditionStatus) *corev1.Node {
		return &corev1.Node{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Status:     corev1.NodeStatus{Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: status}}},
		}
	}
	api := fake.NewClientset(node("a", corev1.ConditionTrue), node("b", corev1.ConditionUnknown))
	for nodes, want := range map[int]bool{1: true, 2: false} {
		if err := awaitReady(t.Context(), api, nodes, time.Millisecond); (err == nil) != want {
			t.Errorf("%d nodes: %v, want it ready: %v", nodes, err, want)
		}
	}
}
