// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"io"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
)

// newTaintNodes keeps pods off a new node until the node controller has seen it to be ready.
func newTaintNodes(*Config, io.Reader) (admission.Interface, error) {
	return &mutator{
		Handler: admission.NewHandler(admission.Create),
		admit: func(_ context.Context, a admission.Attributes) error {
			if !is(a, resource("", "nodes"), "") {
				return nil
			}
			node, ok := a.GetObject().(*corev1.Node)
			if !ok {
				return apierrors.NewBadRequest("resource was marked with kind Node but was unable to be converted")
			}
			taint := corev1.Taint{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoSchedule}
			if !slices.ContainsFunc(node.Spec.Taints, func(t corev1.Taint) bool { return t.MatchTaint(&taint) }) {
				node.Spec.Taints = append(node.Spec.Taints, taint)
			}
			return nil
		},
	}, nil
}
