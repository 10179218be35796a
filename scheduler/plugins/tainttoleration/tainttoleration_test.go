// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package tainttoleration

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/scheduler/framework"
	ct "coxswain.dev/coxswain/scheduler/plugins/internal/clustertest"
)

func taints(list ...corev1.Taint) func(*corev1.Node) {
	return func(n *corev1.Node) { n.Spec.Taints = list }
}

func tolerations(list ...corev1.Toleration) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Tolerations = list }
}

func TestFilter(t *testing.T) {
	cluster := ct.New(
		ct.Node("plain"),
		ct.Node("db", taints(corev1.Taint{Key: "dedicated", Value: "db", Effect: "NoSchedule"})),
		ct.Node("dying", taints(corev1.Taint{Key: "soft", Effect: "PreferNoSchedule"}, corev1.Taint{Key: "dying", Effect: "NoExecute"},
			corev1.Taint{Key: "dedicated", Value: "db", Effect: "NoSchedule"})),
	)
	const db, dying = "node(s) had untolerated taint {dedicated: db}", "node(s) had untolerated taint {dying: }"
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want map[string][]string
	}{
		{"a pod without tolerations is told of the first taint that matters", ct.Pod(), map[string][]string{"db": {db}, "dying": {dying}}},
		{"a value must be equal", ct.Pod(tolerations(corev1.Toleration{Key: "dedicated", Operator: "Equal", Value: "web", Effect: "NoSchedule"})),
			map[string][]string{"db": {db}, "dying": {dying}}},
		{"no operator means equal", ct.Pod(tolerations(corev1.Toleration{Key: "dedicated", Value: "db"})), map[string][]string{"dying": {dying}}},
		{"the next taint counts once the first is tolerated", ct.Pod(tolerations(corev1.Toleration{Key: "dying", Operator: "Exists"})),
			map[string][]string{"db": {db}, "dying": {db}}},
		{"an effect restricts", ct.Pod(tolerations(corev1.Toleration{Key: "dedicated", Operator: "Exists", Effect: "NoExecute"})),
			map[string][]string{"db": {db}, "dying": {dying}}},
		{"no key means every taint", ct.Pod(tolerations(corev1.Toleration{Operator: "Exists"})), map[string][]string{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, cluster.Filter(t, &Plugin{}, c.pod)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestScore(t *testing.T) {
	soft := func(key string) corev1.Taint { return corev1.Taint{Key: key, Effect: "PreferNoSchedule"} }
	cluster := ct.New(ct.Node("none"), ct.Node("one", taints(soft("a"))), ct.Node("two", taints(soft("a"), soft("b"))))
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want map[string]int64
	}{
		{"the most tainted is the worst", ct.Pod(), map[string]int64{"none": 100, "one": 50, "two": 0}},
		{"tolerated taints do not count", ct.Pod(tolerations(corev1.Toleration{Key: "a", Operator: "Exists"})),
			map[string]int64{"none": 100, "one": 100, "two": 0}},
		{"tolerations of other effects do not help", ct.Pod(tolerations(corev1.Toleration{Key: "b", Operator: "Exists", Effect: "NoSchedule"})),
			map[string]int64{"none": 100, "one": 50, "two": 0}},
		{"without a difference all are best", ct.Pod(tolerations(corev1.Toleration{Operator: "Exists"})),
			map[string]int64{"none": 100, "one": 100, "two": 100}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, cluster.Score(t, &Plugin{}, c.pod)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHints(t *testing.T) {
	cluster := ct.New()
	gone := framework.Event{Resource: framework.Node, Action: framework.UpdateNodeTaint, Node: ct.Node("a")}
	still := framework.Event{Resource: framework.Node, Action: framework.UpdateNodeTaint,
		Node: ct.Node("a", taints(corev1.Taint{Key: "x", Effect: "NoExecute"}))}
	if !cluster.Helps(&Plugin{}, ct.Pod(), gone) || cluster.Helps(&Plugin{}, ct.Pod(), still) {
		t.Error("a pod is woken up exactly when no taint keeps it off the node any more")
	}
}
