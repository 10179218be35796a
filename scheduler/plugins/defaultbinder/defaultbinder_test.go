// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package defaultbinder

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"coxswain.dev/coxswain/scheduler/framework"
)

func TestBind(t *testing.T) {
	client := fake.NewClientset()
	var sent []*corev1.Binding
	var failure error
	client.PrependReactor("create", "pods", func(action clienttesting.Action) (bool, runtime.Object, error) {
		binding := action.(clienttesting.CreateAction).GetObject().(*corev1.Binding)
		sent = append(sent, binding)
		return true, binding, failure
	})
	plugin, err := New(nil, framework.Handle{Client: client})
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"}}
	if err := plugin.(*Plugin).Bind(t.Context(), pod, "node"); err != nil {
		t.Fatal(err)
	}
	want := []*corev1.Binding{{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"},
		Target: corev1.ObjectReference{Kind: "Node", Name: "node"}}}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
	failure = errors.New("no")
	if err := plugin.(*Plugin).Bind(t.Context(), pod, "node"); !errors.Is(err, failure) {
		t.Errorf("got %v", err)
	}
}
