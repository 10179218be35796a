// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package endpoints

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"
)

func newService(change ...func(*corev1.Service)) *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", Labels: map[string]string{"team": "a"}},
		Spec: corev1.ServiceSpec{
			ClusterIP: "10.96.0.20", IPFamilies: []corev1.IPFamily{corev1.IPv4Protocol}, Selector: map[string]string{"app": "web"},
			Ports: []corev1.ServicePort{{Name: "http", Port: 80, Protocol: corev1.ProtocolTCP, TargetPort: intstr.FromString("web")}},
		},
	}
	for _, f := range change {
		f(service)
	}
	return service
}

func newPod(n int, change ...func(*corev1.Pod)) *corev1.Pod {
	ip := fmt.Sprintf("10.244.%d.%d", n/250, n%250+1)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: fmt.Sprint("web-", n), UID: types.UID(fmt.Sprint(n))},
		Spec:       corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 8080, Protocol: corev1.ProtocolTCP}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, PodIP: ip, PodIPs: []corev1.PodIP{{IP: ip}, {IP: "fd00::1"}},
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
	}
	for _, f := range change {
		f(pod)
	}
	return pod
}

func notReady(p *corev1.Pod) { p.Status.Conditions = nil }

// brief writes subsets as "ports: ready | not ready".
func brief(subsets []corev1.EndpointSubset) []string {
	var lines []string
	for _, s := range subsets {
		line := ""
		for _, p := range s.Ports {
			line += fmt.Sprintf("%s=%d ", p.Name, p.Port)
		}
		line += ":"
		for _, a := range s.Addresses {
			line += " " + a.IP
		}
		line += " |"
		for _, a := range s.NotReadyAddresses {
			line += " " + a.IP
		}
		lines = append(lines, line)
	}
	return lines
}

func TestSubsets(t *testing.T) {
	otherPort := func(p *corev1.Pod) { p.Spec.Containers[0].Ports[0].ContainerPort = 9090 }
	tests := []struct {
		name    string
		service *corev1.Service
		pods    []*corev1.Pod
		want    []string
	}{
		{"no pods", newService(), nil, nil},
		{"ready and not, in order of address", newService(), []*corev1.Pod{newPod(2), newPod(1), newPod(3, notReady)},
			[]string{"http=8080 : 10.244.0.2 10.244.0.3 | 10.244.0.4"}},
		{"pods that resolve a port differently", newService(), []*corev1.Pod{newPod(1), newPod(2, otherPort)},
			[]string{"http=8080 : 10.244.0.2 |", "http=9090 : 10.244.0.3 |"}},
		{"pods without the port are left out", newService(), []*corev1.Pod{newPod(1, func(p *corev1.Pod) { p.Spec.Containers = nil })}, nil},
		{"pods that ended or leave are left out", newService(), []*corev1.Pod{
			newPod(1, func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }),
			newPod(2, func(p *corev1.Pod) { p.DeletionTimestamp = ptr.To(metav1.Now()) })}, nil},
		{"pods not ready count when the Service says so", newService(func(s *corev1.Service) { s.Spec.PublishNotReadyAddresses = true }),
			[]*corev1.Pod{newPod(1, notReady)}, []string{"http=8080 : 10.244.0.2 |"}},
		{"the family of the Service", newService(func(s *corev1.Service) { s.Spec.IPFamilies[0] = corev1.IPv6Protocol }),
			[]*corev1.Pod{newPod(1)}, []string{"http=8080 : fd00::1 |"}},
		{"a headless Service without ports", newService(func(s *corev1.Service) { s.Spec.ClusterIP, s.Spec.Ports = corev1.ClusterIPNone, nil }),
			[]*corev1.Pod{newPod(1)}, []string{": 10.244.0.2 |"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, brief(subsets(test.service, test.pods))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestMakePlanWritesOnlyChanges(t *testing.T) {
	trigger := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	service, pods := newService(), []*corev1.Pod{newPod(1)}
	first, changed := makePlan(service, pods, &corev1.Endpoints{}, trigger) //nolint:staticcheck // the old kind is tested
	if !changed || first.Labels[labelManagedBy] != managedBy || first.Annotations[corev1.EndpointsLastChangeTriggerTime] == "" {
		t.Fatalf("makePlan() = %v, %t", first, changed)
	}
	if _, changed := makePlan(service, pods, first, trigger.Add(time.Hour)); changed {
		t.Error("nothing changed, and yet it is written")
	}
	if next, changed := makePlan(service, []*corev1.Pod{newPod(1, notReady)}, first, time.Time{}); !changed || len(next.Subsets[0].Addresses) != 0 {
		t.Errorf("a pod that is no longer ready: %v, %t", next, changed)
	}
}

func TestTruncate(t *testing.T) {
	var pods []*corev1.Pod
	for n := range maxAddresses + 5 {
		if n%2 == 0 {
			pods = append(pods, newPod(n, notReady))
		} else {
			pods = append(pods, newPod(n))
		}
	}
	plan, _ := makePlan(newService(), pods, &corev1.Endpoints{}, time.Time{}) //nolint:staticcheck // the old kind is tested
	ready, other := len(plan.Subsets[0].Addresses), len(plan.Subsets[0].NotReadyAddresses)
	if ready != (maxAddresses+5)/2 || ready+other != maxAddresses || plan.Annotations[corev1.EndpointsOverCapacity] != "truncated" {
		t.Errorf("%d ready and %d other addresses are kept, annotations %v", ready, other, plan.Annotations)
	}
}
