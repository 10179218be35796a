// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/utils/ptr"
)

// mirrored makes a pod a mirror pod on a node.
func mirrored(value string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.NodeName = "n1"
		if p.Annotations == nil {
			p.Annotations = map[string]string{}
		}
		p.Annotations[corev1.MirrorPodAnnotationKey] = value
	}
}

func bound(p *corev1.Pod) { p.Spec.NodeName = "n1" }

// Rule V1 of docs/security.md.
func TestMirrorAnnotation(t *testing.T) {
	const at = "metadata.annotations[kubernetes.io/config.mirror]: Forbidden: "
	changed, added := []string{at + "may not remove or update mirror pod annotation"}, []string{at + "may not add mirror pod annotation"}
	for _, tc := range []updateCase{
		{"a mirror pod stays one", mirrored("x"), mirrored("x"), nil},
		{"and may have other annotations", mirrored("x"), func(p *corev1.Pod) { mirrored("x")(p); p.Annotations["a"] = "b" }, nil},
		{"with an empty value", mirrored(""), mirrored(""), nil},
		{"other pods stay other pods", bound, bound, nil},
		{"the annotation is removed", mirrored("x"), bound, changed},
		{"the empty annotation is removed", mirrored(""), bound, changed},
		{"it is changed", mirrored("x"), mirrored("y"), changed},
		{"it is emptied", mirrored("x"), mirrored(""), changed},
		{"it is added", bound, mirrored("x"), added},
		{"it is added, empty", bound, mirrored(""), added},
	} {
		for name, validate := range map[string]func(pod, old *corev1.Pod) field.ErrorList{"pod": ValidatePodUpdate, "status": ValidateStatusUpdate} {
			t.Run(name+": "+tc.name, func(t *testing.T) { compare(t, validate(newPod(tc.change), newPod(tc.old)), tc.want) })
		}
	}
}

// Rule V2 of docs/security.md.
func TestMirrorPods(t *testing.T) {
	unbound := func(p *corev1.Pod) { mirrored("x")(p); p.Spec.NodeName = "" }
	claiming := func(p *corev1.Pod) {
		mirrored("x")(p)
		p.Spec.ResourceClaims = []corev1.PodResourceClaim{{Name: "g", ResourceClaimName: ptr.To("gpu")}}
	}
	const noClaims = "[]: Forbidden: static pods do not support resource claims"
	for _, tc := range []updateCase{
		{"on a node", nil, mirrored("x"), nil},
		{"whose annotation is empty", nil, mirrored(""), nil},
		{"on no node", nil, unbound, []string{
			`metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set`}},
		{"with a resource claim", nil, claiming, []string{noClaims}},
	} {
		t.Run(tc.name, func(t *testing.T) { compare(t, ValidateNewPod(newPod(tc.change)), tc.want) })
	}
	for _, value := range []string{"x", ""} {
		old, debugged, resized := newPod(mirrored(value)), newPod(mirrored(value)), newPod(mirrored(value))
		debugged.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "d", Image: "i"}}}
		resized.Spec.Containers[0].Resources.Requests = list("cpu", "1")
		compare(t, ValidateEphemeralContainers(debugged, old), []string{"[]: Forbidden: static pods do not support ephemeral containers"})
		compare(t, ValidateResize(resized, old), []string{"[]: Forbidden: static pods cannot be resized"})
	}
}
