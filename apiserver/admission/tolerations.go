// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"io"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/utils/ptr"
)

// tolerationSeconds is how long a pod stays on a node that is gone, unless it says otherwise.
const tolerationSeconds = 300

// newDefaultTolerations lets pods stay on a failing node for five minutes.
func newDefaultTolerations(*Config, io.Reader) (admission.Interface, error) {
	return &mutator{
		Handler: admission.NewHandler(admission.Create, admission.Update),
		admit: func(_ context.Context, a admission.Attributes) error {
			if !is(a, resource("", "pods"), "") {
				return nil
			}
			pod, ok := a.GetObject().(*corev1.Pod)
			if !ok {
				return apierrors.NewBadRequest("resource was marked with kind Pod but was unable to be converted")
			}
			addTolerations(pod)
			return nil
		},
	}, nil
}

func addTolerations(pod *corev1.Pod) {
	for _, taint := range []string{corev1.TaintNodeNotReady, corev1.TaintNodeUnreachable} {
		if !tolerates(pod.Spec.Tolerations, taint) {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, corev1.Toleration{
				Key: taint, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoExecute,
				TolerationSeconds: ptr.To[int64](tolerationSeconds),
			})
		}
	}
}

func tolerates(tolerations []corev1.Toleration, taint string) bool {
	for _, t := range tolerations {
		if (t.Key == taint || t.Key == "") && (t.Effect == corev1.TaintEffectNoExecute || t.Effect == "") {
			return true
		}
	}
	return false
}
