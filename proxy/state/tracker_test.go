// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package state

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// tell makes changes readable: key, and endpoints before and after.
func tell(changes Changes) []string {
	count := func(s *Service) string {
		if s == nil {
			return "-"
		}
		return fmt.Sprint(len(s.Ports[0].Pools[Cluster]))
	}
	var list []string
	for _, c := range changes.List {
		list = append(list, fmt.Sprintf("%s/%s %s→%s", c.Key.Source, c.Key.Name, count(c.Old), count(c.New)))
	}
	return list
}

func expectChanges(t *testing.T, tracker *Tracker, want ...string) Changes {
	t.Helper()
	changes := tracker.Collect()
	if diff := cmp.Diff(want, tell(changes)); diff != "" {
		t.Error(diff)
	}
	return changes
}

func TestTrackerTellsWhatChanged(t *testing.T) {
	tracker := NewTracker(testNode)
	tracker.SetSlice(slice("s", at("10.244.0.2")))
	expectChanges(t, tracker) // endpoints before their Service
	tracker.SetService(web(nil))
	expectChanges(t, tracker, "service/web -→1")
	tracker.SetService(web(func(s *corev1.Service) { s.Annotations = map[string]string{"x": "y"} }))
	expectChanges(t, tracker) // nothing that matters
	tracker.SetSlice(slice("s", at("10.244.0.2"), at("10.244.0.3")))
	tracker.SetSlice(slice("s", at("10.244.0.2"), at("10.244.0.3"), at("10.244.0.4")))
	expectChanges(t, tracker, "service/web 1→3") // several events are one change
	tracker.SetService(web(func(s *corev1.Service) { s.Spec.ClusterIP = corev1.ClusterIPNone }))
	expectChanges(t, tracker, "service/web 3→-") // it became headless
	tracker.SetService(web(nil))
	expectChanges(t, tracker, "service/web -→3")
	tracker.DeleteSlice(slice("s"))
	expectChanges(t, tracker, "service/web 3→0")
	tracker.DeleteService(types.NamespacedName{Namespace: "default", Name: "web"})
	expectChanges(t, tracker, "service/web 0→-")
	if model := tracker.Model(); len(model.Services) != 0 {
		t.Errorf("the model still has %+v", model)
	}
}

func TestTrackerFollowsTheNode(t *testing.T) {
	tracker := NewTracker(testNode)
	tracker.SetService(web(func(s *corev1.Service) { s.Spec.Ports[0].NodePort = 30080 }))
	tracker.SetService(other(nil))
	tracker.Collect()
	more := testNode
	more.NodePortAddresses = append(more.NodePortAddresses, addr("10.244.0.1"))
	tracker.SetNode(more)
	expectChanges(t, tracker, "service/web 0→0")
	tracker.SetNode(more)
	expectChanges(t, tracker)
}

func TestTrackerGivesAFrontendToTheFirst(t *testing.T) {
	external := func(s *corev1.Service) { s.Spec.ExternalIPs = []string{"198.51.100.7"} }
	tracker := NewTracker(testNode)
	tracker.SetService(web(external))
	tracker.Collect()
	tracker.SetService(other(external)) // sorts before web
	changes := expectChanges(t, tracker, "service/other -→0", "service/web 0→0")
	if len(changes.Contested) != 1 {
		t.Errorf("contested: %v", changes.Contested)
	}
	owners := func() (list []string) {
		for _, service := range tracker.Model().Services {
			for _, entry := range service.Ports[0].Entries {
				if entry.Kind == ExternalIP {
					list = append(list, service.Key.Name)
				}
			}
		}
		return list
	}
	if diff := cmp.Diff([]string{"other"}, owners()); diff != "" {
		t.Error(diff)
	}
	tracker.DeleteService(types.NamespacedName{Namespace: "default", Name: "other"})
	expectChanges(t, tracker, "service/other 0→-", "service/web 0→0")
	if diff := cmp.Diff([]string{"web"}, owners()); diff != "" {
		t.Error(diff)
	}
}

// TestClusterAddressesAreTheirOwners has Services that name the cluster IP of another one as their own external IP.
func TestClusterAddressesAreTheirOwners(t *testing.T) {
	owner := web(nil)
	thief := other(func(s *corev1.Service) { s.Spec.ExternalIPs = []string{owner.Spec.ClusterIP} }) // sorts before web
	frontends := func(tracker *Tracker) (list []string) {
		for _, service := range tracker.Model().Services {
			for _, entry := range service.Ports[0].Entries {
				list = append(list, fmt.Sprintf("%s %s", service.Key.Name, entry.Frontend.Addr))
			}
		}
		return list
	}
	apart := []string{"other " + thief.Spec.ClusterIP, "web " + owner.Spec.ClusterIP}
	for name, order := range map[string][]*corev1.Service{"the owner first": {owner, thief}, "the other first": {thief, owner}} {
		tracker := NewTracker(testNode)
		for _, service := range order {
			tracker.SetService(service)
			tracker.Collect()
		}
		if diff := cmp.Diff(apart, frontends(tracker)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		tracker.DeleteService(types.NamespacedName{Namespace: "default", Name: "web"})
		tracker.Collect()
		if got := frontends(tracker); len(got) != 2 {
			t.Errorf("%s: when the owner is gone: %v", name, got)
		}
		tracker.SetService(owner)
		tracker.Collect()
		if diff := cmp.Diff(apart, frontends(tracker)); diff != "" {
			t.Errorf("%s: when it is back: %s", name, diff)
		}
	}
}

// TestPortsOfOneObjectDoNotCollide has a Service one of whose ports is, on the node's address, another one's node port,
// and a pod with the same host port twice.
func TestPortsOfOneObjectDoNotCollide(t *testing.T) {
	node := testNode.NodePortAddresses[0]
	service := web(func(s *corev1.Service) {
		s.Spec.ExternalIPs = []string{node.String()}
		s.Spec.Ports = []corev1.ServicePort{
			{Name: "a", Port: 80, Protocol: corev1.ProtocolTCP, NodePort: 30080}, {Name: "b", Port: 30080, Protocol: corev1.ProtocolTCP},
		}
	})
	port := corev1.ContainerPort{ContainerPort: 1, HostPort: 5000, Protocol: corev1.ProtocolTCP}
	pod := &corev1.Pod{
		Spec: corev1.PodSpec{NodeName: testNode.Name, InitContainers: []corev1.Container{{Ports: []corev1.ContainerPort{port}}},
			Containers: []corev1.Container{{Ports: []corev1.ContainerPort{port, {ContainerPort: 2, HostPort: 5000, Protocol: corev1.ProtocolTCP}}}}},
		Status: corev1.PodStatus{PodIP: "10.244.0.9"},
	}
	seen := map[Frontend]int{}
	for _, service := range Build([]*corev1.Service{service}, nil, []*corev1.Pod{pod}, testNode).Services {
		for _, port := range service.Ports {
			for _, entry := range port.Entries {
				seen[entry.Frontend]++
			}
		}
	}
	for frontend, times := range seen {
		if times > 1 {
			t.Errorf("%s occurs %d times", frontend, times)
		}
	}
	if seen[Frontend{Addr: node, Protocol: TCP, Port: 30080}] != 1 {
		t.Errorf("nobody has the node port: %v", seen)
	}
}

func TestTrackerReportsTriggers(t *testing.T) {
	tracker := NewTracker(testNode)
	s := slice("s", at("10.244.0.2"))
	when := time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)
	s.Annotations = map[string]string{corev1.EndpointsLastChangeTriggerTime: when.Format(time.RFC3339Nano)}
	tracker.SetSlice(s)
	if got := tracker.Collect().Triggers; len(got) != 1 || !got[0].Equal(when) {
		t.Errorf("got %v", got)
	}
	if got := tracker.Collect().Triggers; got != nil {
		t.Errorf("reported twice: %v", got)
	}
}

func TestSlicesThatAreNotOurs(t *testing.T) {
	for name, edit := range map[string]func(*discoveryv1.EndpointSlice){
		"headless":         func(s *discoveryv1.EndpointSlice) { s.Labels[corev1.IsHeadlessService] = "" },
		"of another proxy": func(s *discoveryv1.EndpointSlice) { s.Labels[labelServiceProxyName] = "mesh" },
		"of no service":    func(s *discoveryv1.EndpointSlice) { delete(s.Labels, discoveryv1.LabelServiceName) },
	} {
		t.Run(name, func(t *testing.T) {
			tracker := NewTracker(testNode)
			tracker.SetService(web(nil))
			s := slice("s", at("10.244.0.2"))
			edit(s)
			tracker.SetSlice(s)
			expectChanges(t, tracker, "service/web -→0")
		})
	}
}

func TestHostPorts(t *testing.T) {
	pod := func(edit func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p"},
			Spec: corev1.PodSpec{NodeName: here, Containers: []corev1.Container{{Ports: []corev1.ContainerPort{
				{ContainerPort: 80}, {ContainerPort: 8080, HostPort: 8888, Protocol: corev1.ProtocolTCP},
			}}}},
			Status: corev1.PodStatus{PodIP: "10.244.0.9", Phase: corev1.PodRunning},
		}
		if edit != nil {
			edit(p)
		}
		return p
	}
	got := ResolvePod(pod(nil), testNode)
	if got == nil || len(got.Ports) != 1 || len(got.Ports[0].Entries) != 2 || addresses(got.Ports[0].Pools[Cluster])[0] != "10.244.0.9" {
		t.Fatalf("got %+v", got)
	}
	one := ResolvePod(pod(func(p *corev1.Pod) { p.Spec.Containers[0].Ports[1].HostIP = "192.0.2.1" }), testNode)
	if len(one.Ports[0].Entries) != 1 || one.Ports[0].Entries[0].Addr != addr("192.0.2.1") {
		t.Errorf("with a host IP: %+v", one.Ports[0].Entries)
	}
	for name, edit := range map[string]func(*corev1.Pod){
		"elsewhere":          func(p *corev1.Pod) { p.Spec.NodeName = "elsewhere" },
		"on the host":        func(p *corev1.Pod) { p.Spec.HostNetwork = true },
		"ended":              func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded },
		"without an address": func(p *corev1.Pod) { p.Status.PodIP = "" },
		"without host ports": func(p *corev1.Pod) { p.Spec.Containers[0].Ports[1].HostPort = 0 },
	} {
		if got := ResolvePod(pod(edit), testNode); got != nil {
			t.Errorf("a pod %s: %+v", name, got)
		}
	}
	tracker := NewTracker(testNode)
	tracker.SetPod(pod(nil))
	expectChanges(t, tracker, "pod/p -→1")
	tracker.SetPod(pod(func(p *corev1.Pod) { p.Status.Phase = corev1.PodFailed }))
	expectChanges(t, tracker, "pod/p 1→-")
}

func other(edit func(*corev1.Service)) *corev1.Service {
	service := web(edit)
	service.Name, service.Spec.ClusterIP = "other", "10.96.0.21"
	return service
}
