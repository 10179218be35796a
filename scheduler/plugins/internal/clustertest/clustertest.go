// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package clustertest

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// Node is a node with 4 CPUs, 8Gi of memory and room for 10 pods, and then changed.
func Node(name string, change ...func(*corev1.Node)) *corev1.Node {
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	node.Status.Allocatable = Resources("cpu", "4", "memory", "8Gi", "pods", "10")
	for _, f := range change {
		f(node)
	}
	return node
}

// Pod is a pod with one container that requests nothing, and then changed.
func Pod(change ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "pod", UID: "pod"}}
	pod.Spec.Containers = []corev1.Container{{Name: "c", Image: "web:v1"}}
	for _, f := range change {
		f(pod)
	}
	return pod
}

// Requests has the pod's container request pairs of names and amounts.
func Requests(pairs ...string) func(*corev1.Pod) {
	return func(pod *corev1.Pod) { pod.Spec.Containers[0].Resources.Requests = Resources(pairs...) }
}

// Offers has the node offer pairs of names and amounts, and nothing else.
func Offers(pairs ...string) func(*corev1.Node) {
	return func(node *corev1.Node) { node.Status.Allocatable = Resources(pairs...) }
}

// Labels gives the node pairs of keys and values.
func Labels(pairs ...string) func(*corev1.Node) {
	return func(node *corev1.Node) {
		for i := 0; i < len(pairs); i += 2 {
			node.Labels[pairs[i]] = pairs[i+1]
		}
	}
}

// Resources is a list of pairs of names and amounts.
func Resources(pairs ...string) corev1.ResourceList {
	list := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		list[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return list
}

// Cluster is a snapshot of some nodes, numbered in their order.
type Cluster struct {
	Cache *cache.Cache
	Nodes *cache.Snapshot
	pods  int
}

// New returns a cluster of nodes.
func New(nodes ...*corev1.Node) *Cluster {
	c := &Cluster{Cache: cache.New(cache.NewResources())}
	c.Nodes = cache.NewSnapshot(c.Cache.Resources())
	for _, node := range nodes {
		c.Cache.SetNode(node)
	}
	c.Cache.Update(c.Nodes)
	return c
}

// With puts a pod onto a node.
func (c *Cluster) With(node string, pod *corev1.Pod) *Cluster {
	c.pods++
	pod = pod.DeepCopy()
	pod.Spec.NodeName, pod.UID = node, types.UID(fmt.Sprintf("%s-%d", pod.UID, c.pods))
	c.Cache.SetPod(cache.NewPod(pod, c.Cache.Resources()))
	c.Cache.Update(c.Nodes)
	return c
}

// Pod works a pod's figures out.
func (c *Cluster) Pod(pod *corev1.Pod) *cache.Pod { return cache.NewPod(pod, c.Cache.Resources()) }

// Filter asks a plugin about every node and returns the reasons of those it rejects.
func (c *Cluster) Filter(t *testing.T, plugin framework.Plugin, pod *corev1.Pod) map[string][]string {
	t.Helper()
	rejected := map[string][]string{}
	filter, blanket := plugin.(framework.FilterPlugin).Filter(c.Pod(pod), c.Nodes)
	if blanket != nil {
		rejected["*"] = blanket.Reasons
		return rejected
	}
	for n := range int32(c.Nodes.Size()) {
		if filter.Check == nil {
			break
		}
		if r := filter.Check.Check(n); r != nil {
			rejected[c.Nodes.Name(n)] = r.Reasons
		}
	}
	return rejected
}

// Score asks a plugin about every node, and has it normalize the marks if it wants to. Nil means no preference.
func (c *Cluster) Score(t *testing.T, plugin framework.Plugin, pod *corev1.Pod) map[string]int64 {
	t.Helper()
	scorer := plugin.(framework.ScorePlugin).Score(c.Pod(pod), c.Nodes)
	if scorer == nil {
		return nil
	}
	marks := map[string]int64{}
	for n := range int32(c.Nodes.Size()) {
		marks[c.Nodes.Name(n)] = scorer.Score(n)
	}
	normalizer, ok := scorer.(framework.Normalizer)
	if !ok {
		return marks
	}
	low, high := scorer.Score(0), scorer.Score(0)
	for _, mark := range marks {
		low, high = min(low, mark), max(high, mark)
	}
	for name, mark := range marks {
		marks[name] = normalizer.Normalize(mark, low, high)
	}
	return marks
}

// Helps reports whether the plugin expects that an event may help a pod it rejected.
func (c *Cluster) Helps(plugin framework.Plugin, pod *corev1.Pod, event framework.Event) bool {
	for _, hint := range plugin.(framework.HintPlugin).Hints() {
		if hint.Expects(c.Pod(pod), event) {
			return true
		}
	}
	return false
}

// Build builds a plugin and fails the test if it refuses its arguments.
func Build(t *testing.T, factory framework.Factory, args runtime.Object) framework.Plugin {
	t.Helper()
	plugin, err := factory(args, framework.Handle{})
	if err != nil {
		t.Fatal(err)
	}
	return plugin
}
