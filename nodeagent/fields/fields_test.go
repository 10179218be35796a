// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package fields

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func source() Source {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u", Labels: map[string]string{"b": "2", "a": "1"}, Annotations: map[string]string{"x/y": `say "hi"`}},
		Spec: corev1.PodSpec{NodeName: "n", ServiceAccountName: "sa", Containers: []corev1.Container{{Name: "c", Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("250m"), corev1.ResourceMemory: resource.MustParse("100Mi")},
		}}}},
	}
	return Source{Pod: pod, PodIPs: []string{"10.0.0.2", "fd00::2"}, HostIPs: []string{"192.0.2.1"}, Allocatable: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("4")}}
}

func TestField(t *testing.T) {
	for path, want := range map[string]string{
		"metadata.name": "p", "metadata.namespace": "ns", "metadata.uid": "u", "spec.nodeName": "n", "spec.serviceAccountName": "sa",
		"status.podIP": "10.0.0.2", "status.podIPs": "10.0.0.2,fd00::2", "status.hostIP": "192.0.2.1", "status.hostIPs": "192.0.2.1",
		"metadata.labels": "a=\"1\"\nb=\"2\"", "metadata.labels['a']": "1", "metadata.labels['none']": "", "metadata.annotations['x/y']": `say "hi"`,
		"metadata.annotations": `x/y="say \"hi\""`,
	} {
		if got, err := source().Field(path); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", path, got, err, want)
		}
	}
	for _, path := range []string{"spec.nope", "spec.containers['a']", ""} {
		if got, err := source().Field(path); err == nil {
			t.Errorf("%q is %q, want an error", path, got)
		}
	}
}

func TestResource(t *testing.T) {
	for _, c := range []struct{ resource, divisor, container, want string }{
		{"requests.cpu", "", "c", "1"},
		{"requests.cpu", "1m", "c", "250"},
		{"requests.memory", "1Mi", "c", "100"},
		{"limits.cpu", "1", "c", "4"}, // the node's, for want of a limit
		{"requests.cpu", "1m", "", "250"},
		{"requests.nonsense", "1", "c", "0"},
	} {
		s := source()
		ref := &corev1.ResourceFieldSelector{Resource: c.resource, ContainerName: c.container}
		if c.divisor != "" {
			ref.Divisor = resource.MustParse(c.divisor)
		}
		if got, err := s.Resource(ref, &s.Pod.Spec.Containers[0]); err != nil || got != c.want {
			t.Errorf("%+v: %q (%v)", c, got, err)
		}
	}
	s := source()
	for _, ref := range []corev1.ResourceFieldSelector{{Resource: "cpu"}, {Resource: "uses.cpu"}, {Resource: "limits.cpu", ContainerName: "none"}} {
		if got, err := s.Resource(&ref, &s.Pod.Spec.Containers[0]); err == nil {
			t.Errorf("%+v is %q, want an error", ref, got)
		}
	}
}
