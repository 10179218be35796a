// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package pods

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// newPod is a valid pod, changed and then defaulted.
func newPod(changes ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "default"},
		Spec: corev1.PodSpec{
			ServiceAccountName: "default",
			Containers:         []corev1.Container{{Name: "c", Image: "example.com/web:v1"}},
		},
	}
	for _, change := range changes {
		change(pod)
	}
	DefaultPod(pod)
	return pod
}

// main is a change of the only main container.
func main(change func(*corev1.Container)) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { change(&pod.Spec.Containers[0]) }
}

// spec is a change of the spec.
func spec(change func(*corev1.PodSpec)) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { change(&pod.Spec) }
}

func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i+1 < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

// compare checks errors against their texts; a wanted text may end early with "…".
func compare(t *testing.T, got field.ErrorList, want []string) {
	t.Helper()
	var texts []string
	for _, err := range got {
		texts = append(texts, err.Error())
	}
	for i := range texts {
		if i < len(want) {
			if start, ok := strings.CutSuffix(want[i], "…"); ok && strings.HasPrefix(texts[i], start) {
				texts[i] = want[i]
			}
		}
	}
	if diff := cmp.Diff(want, texts); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

type validationCase struct {
	name   string
	change func(*corev1.Pod)
	want   []string
}

func runValidation(t *testing.T, cases []validationCase) {
	t.Helper()
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			compare(t, ValidateNewPod(newPod(tc.change)), tc.want)
		})
	}
}
