// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"fmt"
	"math/rand/v2"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/metrics"
	"coxswain.dev/coxswain/scheduler/plugins"
	"coxswain.dev/coxswain/scheduler/profile"
)

const benchNodes = 5000

// BenchmarkDecision measures decisions alone, from the pod object to the assumed place, on 5,000 nodes: what a cycle
// does besides queueing, keeping reasons and binding.
//
//	go test ./scheduler -run xxx -bench Decision
func BenchmarkDecision(b *testing.B) {
	shapes := func(count int) func(i int) *corev1.Pod {
		return func(i int) *corev1.Pod { return makePod(fmt.Sprint(i), fmt.Sprintf("%dm", 10+i%count), "64Mi") }
	}
	for _, c := range []struct {
		name string
		pod  func(i int) *corev1.Pod
	}{
		{"replicas of one shape", shapes(1)},
		{"20 shapes in turn", shapes(20)},
		{"each pod a shape of its own", func(i int) *corev1.Pod {
			return makePod(fmt.Sprint(i), "10m", fmt.Sprintf("%dKi", 1000+i))
		}},
		{"selector and preferred affinity", func(i int) *corev1.Pod {
			return makePod(fmt.Sprint(i), "10m", "64Mi", func(p *corev1.Pod) {
				p.Spec.NodeSelector = map[string]string{"zone": "zone-1"}
				p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
					PreferredDuringSchedulingIgnoredDuringExecution: []corev1.PreferredSchedulingTerm{{Weight: 10,
						Preference: corev1.NodeSelectorTerm{MatchExpressions: []corev1.NodeSelectorRequirement{
							{Key: "disk", Operator: corev1.NodeSelectorOpIn, Values: []string{"ssd"}}}}}}}}
			})
		}},
		{"daemon, one node each", func(i int) *corev1.Pod {
			return makePod(fmt.Sprint(i), "1m", "1Mi", pinned(fmt.Sprintf("node-%d", i%benchNodes)))
		}},
		{"no node fits", func(i int) *corev1.Pod { return makePod(fmt.Sprint(i), "10", "64Mi") }},
	} {
		b.Run(c.name, func(b *testing.B) {
			e, policy := benchEngine(b)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				if i%100_000 == 99_999 { // start over before the cluster is full
					b.StopTimer()
					e, policy = benchEngine(b)
					b.StartTimer()
				}
				pod := cache.NewPod(c.pod(i), e.cache.Resources())
				i++
				known := e.class(policy, pod)
				node, _, ok := known.Best()
				if !ok {
					e.explainFailure(pod, known)
					continue
				}
				if err := e.cache.Assume(pod, e.nodes.Name(node)); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pods/s")
		})
	}
}

// BenchmarkCycle measures whole cycles against a client that does nothing.
func BenchmarkCycle(b *testing.B) {
	h := newHarness(&testing.T{}, Config{})
	for i := range benchNodes {
		h.setNode(benchNode(i))
	}
	pods := make([]*corev1.Pod, b.N)
	for i := range pods {
		pods[i] = makePod(fmt.Sprint(i), "1m", "1Mi")
	}
	b.ReportAllocs()
	b.ResetTimer()
	for _, pod := range pods {
		h.podChanged(nil, pod)
		item, _ := h.queue.Next()
		known := h.engine.class(h.profiles.get(""), item.Pod)
		node, _, _ := known.Best()
		name := h.engine.nodes.Name(node)
		if err := h.cache.Assume(item.Pod, name); err != nil {
			b.Fatal(err)
		}
		h.history.add(h.record(item, h.profiles.get(""), known, name, ""))
		h.queue.Done(item)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "pods/s")
}

func benchEngine(b *testing.B) (*engine, *framework.Profile) {
	b.Helper()
	policy, err := profile.Compiler{Registry: plugins.All()}.Compile(&schedulerv1.KubeSchedulerProfile{})
	if err != nil {
		b.Fatal(err)
	}
	c := cache.New(cache.NewResources())
	for i := range benchNodes {
		c.SetNode(benchNode(i))
	}
	e := newEngine(c, rand.New(rand.NewPCG(1, 1)), metrics.New(nil))
	c.Update(e.nodes)
	return e, policy
}

func benchNode(i int) *corev1.Node {
	name := fmt.Sprintf("node-%d", i)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, UID: types.UID(name), Labels: map[string]string{
		"kubernetes.io/hostname": name, "zone": fmt.Sprintf("zone-%d", i%3), "disk": []string{"ssd", "hdd"}[i%2]}}}
	if i%10 == 0 {
		node.Spec.Taints = []corev1.Taint{{Key: "dedicated", Effect: corev1.TaintEffectPreferNoSchedule}}
	}
	node.Status.Allocatable = corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("4"), corev1.ResourceMemory: resource.MustParse("32Gi"),
		corev1.ResourcePods: resource.MustParse("110"),
	}
	return node
}
