// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodename

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/scheduler/framework"
	ct "coxswain.dev/coxswain/scheduler/plugins/internal/clustertest"
)

func on(name string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Spec.NodeName = name } }

func TestFilter(t *testing.T) {
	cluster := ct.New(ct.Node("a"), ct.Node("b"))
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want map[string][]string
	}{
		{"a pod that names no node goes anywhere", ct.Pod(), map[string][]string{}},
		{"a pod that names a node goes there", ct.Pod(on("a")), map[string][]string{"b": {reason}}},
		{"a pod that names a node that is not there goes nowhere", ct.Pod(on("c")), map[string][]string{"a": {reason}, "b": {reason}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, cluster.Filter(t, &Plugin{}, c.pod)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestHints(t *testing.T) {
	cluster := ct.New()
	added := framework.Event{Resource: framework.Node, Action: framework.Add, Node: ct.Node("a")}
	if !cluster.Helps(&Plugin{}, ct.Pod(on("a")), added) {
		t.Error("the node that a pod waits for came, and it is not told")
	}
	if cluster.Helps(&Plugin{}, ct.Pod(on("b")), added) {
		t.Error("a pod is told of a node that it does not wait for")
	}
}
