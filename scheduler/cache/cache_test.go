// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func node(name, cpu string, labels ...string) *corev1.Node {
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for i := 0; i < len(labels); i += 2 {
		n.Labels[labels[i]] = labels[i+1]
	}
	n.Status.Allocatable = corev1.ResourceList{"cpu": resource.MustParse(cpu), "pods": resource.MustParse("10")}
	return n
}

func (c *Cache) pod(name, cpu, on string) *Pod {
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)}}
	p.Spec.NodeName = on
	p.Spec.Containers = []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse(cpu)}}}}
	return NewPod(p, c.Resources())
}

// used is the CPU requested on each node, in thousandths.
func used(c *Cache, s *Snapshot) map[string]int64 {
	c.Update(s)
	sums := map[string]int64{}
	for n := range int32(s.Size()) {
		if s.Live(n) {
			sums[s.Name(n)] = s.Column(CPU).Requested[n]
		}
	}
	return sums
}

func newPair(nodes ...*corev1.Node) (*Cache, *Snapshot) {
	c := New(NewResources())
	for _, n := range nodes {
		c.SetNode(n)
	}
	return c, NewSnapshot(c.Resources())
}

func TestAPodsPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(c *Cache)
		want map[string]int64
	}{
		{"seen bound", func(c *Cache) { c.SetPod(c.pod("p", "1", "a")) }, map[string]int64{"a": 1000, "b": 0}},
		{"assumed", func(c *Cache) { _ = c.Assume(c.pod("p", "1", ""), "a") }, map[string]int64{"a": 1000, "b": 0}},
		{"assumed and forgotten", func(c *Cache) { _ = c.Assume(c.pod("p", "1", ""), "a"); c.Forget("p") }, map[string]int64{"a": 0, "b": 0}},
		{"assumed and confirmed", func(c *Cache) { _ = c.Assume(c.pod("p", "1", ""), "a"); c.SetPod(c.pod("p", "1", "a")) }, map[string]int64{"a": 1000, "b": 0}},
		{"assumed, and bound elsewhere", func(c *Cache) { _ = c.Assume(c.pod("p", "1", ""), "a"); c.SetPod(c.pod("p", "1", "b")) }, map[string]int64{"a": 0, "b": 1000}},
		{"confirmed pods are not forgotten", func(c *Cache) {
			_ = c.Assume(c.pod("p", "1", ""), "a")
			c.SetPod(c.pod("p", "1", "a"))
			c.Forget("p")
		}, map[string]int64{"a": 1000, "b": 0}},
		{"resized", func(c *Cache) { c.SetPod(c.pod("p", "1", "a")); c.SetPod(c.pod("p", "3", "a")) }, map[string]int64{"a": 3000, "b": 0}},
		{"removed", func(c *Cache) { c.SetPod(c.pod("p", "1", "a")); c.RemovePod("p") }, map[string]int64{"a": 0, "b": 0}},
		{"pods come before their node", func(c *Cache) { c.SetPod(c.pod("p", "1", "c")); c.SetNode(node("c", "4")) }, map[string]int64{"a": 0, "b": 0, "c": 1000}},
		{"a node goes and comes back", func(c *Cache) { c.SetPod(c.pod("p", "1", "a")); c.RemoveNode("a"); c.SetNode(node("a", "4")) }, map[string]int64{"a": 1000, "b": 0}},
		{"a node goes, its pods go, it comes back", func(c *Cache) {
			c.SetPod(c.pod("p", "1", "a"))
			c.RemoveNode("a")
			c.RemovePod("p")
			c.SetNode(node("a", "4"))
		}, map[string]int64{"a": 0, "b": 0}},
		{"a node is gone", func(c *Cache) { c.SetPod(c.pod("p", "1", "a")); c.RemoveNode("a") }, map[string]int64{"b": 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cache, snapshot := newPair(node("a", "4"), node("b", "4"))
			cache.Update(snapshot)
			c.do(cache)
			if diff := cmp.Diff(c.want, used(cache, snapshot)); diff != "" {
				t.Errorf("updated: %s", diff)
			}
			if diff := cmp.Diff(c.want, used(cache, NewSnapshot(cache.Resources()))); diff != "" {
				t.Errorf("from scratch: %s", diff)
			}
		})
	}
}

func TestAPodHasOnePlace(t *testing.T) {
	c, _ := newPair(node("a", "4"))
	if err := c.Assume(c.pod("p", "1", ""), "a"); err != nil {
		t.Fatal(err)
	}
	if err := c.Assume(c.pod("p", "1", ""), "a"); err == nil {
		t.Error("a pod is promised two places")
	}
}

func TestOnlyChangedNodesAreLookedAt(t *testing.T) {
	c, s := newPair(node("a", "4"), node("b", "4"), node("c", "4"))
	c.Update(s)
	position := s.Position()
	heartbeat := node("b", "4")
	heartbeat.Status.Conditions = []corev1.NodeCondition{{Type: "Ready", Status: "True"}}
	c.SetNode(heartbeat)
	c.SetPod(c.pod("p", "1", "c"))
	c.SetPod(c.pod("p", "1", "c")) // the same again: a status update
	c.Update(s)
	changed, next, ok := s.Changes(position)
	if !ok || len(changed) != 1 || s.Name(changed[0]) != "c" {
		t.Errorf("changed nodes %v, %v; want c alone", changed, ok)
	}
	c.Update(s)
	if more, _, _ := s.Changes(next); len(more) != 0 {
		t.Errorf("nothing happened, and %v changed", more)
	}
}

func TestTheLogForgetsAndSaysSo(t *testing.T) {
	c, s := newPair(node("a", "4"))
	c.Update(s)
	position := s.Position()
	for i := range 3000 {
		c.SetPod(c.pod("p", fmt.Sprintf("%dm", i+1), "a"))
		c.Update(s)
	}
	if _, _, ok := s.Changes(position); ok {
		t.Error("3000 changes of one node are all remembered")
	}
	if changed, _, ok := s.Changes(s.Position() - 5); !ok || len(changed) != 5 {
		t.Errorf("the last five changes: %v, %v", changed, ok)
	}
}

func TestNumbersAreReused(t *testing.T) {
	c, s := newPair(node("a", "4", "zone", "x"), node("b", "4", "zone", "y"))
	for i := range 50 {
		c.Update(s)
		c.RemoveNode(fmt.Sprint("n", i-1))
		c.SetNode(node(fmt.Sprint("n", i), "4", "zone", "z", "only", fmt.Sprint(i)))
	}
	c.Update(s)
	if s.Size() > 4 || s.Nodes() != 3 {
		t.Errorf("3 nodes need numbers below %d, and %d are counted", s.Size(), s.Nodes())
	}
	if n, ok := s.Number("n49"); !ok || !s.Labels.Equal("only", "49").Has(n) || s.Labels.Equal("only", "48") != nil {
		t.Error("labels of nodes that are gone are still indexed, or those of the last one are not")
	}
	names := slices.DeleteFunc(slices.Clone(s.Names()), func(name string) bool { return name == "" })
	slices.Sort(names)
	if diff := cmp.Diff([]string{"a", "b", "n49"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestPodFigures(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	c := New(NewResources())
	obj := &corev1.Pod{Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{
			{RestartPolicy: &always, Ports: []corev1.ContainerPort{{HostPort: 1}},
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("100m"), "memory": resource.MustParse("1Mi")}}},
			{Ports: []corev1.ContainerPort{{HostPort: 2}},
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("10m"), "memory": resource.MustParse("1Mi")}}},
		},
		Containers: []corev1.Container{{Ports: []corev1.ContainerPort{{HostPort: 3, HostIP: "10.0.0.1", Protocol: "UDP"}, {ContainerPort: 80}}},
			{Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"memory": resource.MustParse("2Mi"), "example.com/x": resource.MustParse("2")}}}},
	}}
	pod := NewPod(obj, c.Resources())
	want := []Request{{CPU, 110}, {Memory, 3 << 20}, {c.Resources().ID("example.com/x"), 2}}
	if diff := cmp.Diff(want, pod.Requests); diff != "" {
		t.Error(diff)
	}
	if pod.NonZeroCPU != 300 || pod.NonZeroMemory != 1<<20+200<<20+2<<20 {
		t.Errorf("with defaults: %d, %d", pod.NonZeroCPU, pod.NonZeroMemory)
	}
	ports := []HostPort{{"TCP", "0.0.0.0", 1}, {"UDP", "10.0.0.1", 3}}
	if diff := cmp.Diff(ports, pod.Ports); diff != "" {
		t.Error(diff)
	}
}

func TestLowestPriority(t *testing.T) {
	c, s := newPair(node("a", "4"))
	for _, p := range []int32{5, -3, 7} {
		pod := c.pod(fmt.Sprintf("p%d", p), "1m", "a")
		pod.Priority = p
		c.SetPod(pod)
	}
	c.Update(s)
	if got := s.LowestPriority(0); got != -3 {
		t.Errorf("got %d", got)
	}
	c.RemovePod("p-3")
	c.Update(s)
	if got := s.LowestPriority(0); got != 5 {
		t.Errorf("got %d after the lowest left", got)
	}
}
