// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package balancedallocation

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/framework"
	ct "coxswain.dev/coxswain/scheduler/plugins/internal/clustertest"
)

func TestScore(t *testing.T) {
	three := &schedulerv1.NodeResourcesBalancedAllocationArgs{Resources: []schedulerv1.ResourceSpec{
		{Name: "cpu", Weight: 1}, {Name: "memory", Weight: 1}, {Name: "example.com/gpu", Weight: 1}}}
	for _, c := range []struct {
		name string
		args *schedulerv1.NodeResourcesBalancedAllocationArgs
		node *corev1.Node
		on   *corev1.Pod
		pod  *corev1.Pod
		want map[string]int64
	}{
		{name: "even", node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "2", "memory", "4Gi")), want: map[string]int64{"n": 100}},
		{name: "three quarters of one, a quarter of the other", node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "3", "memory", "2Gi")), want: map[string]int64{"n": 75}},
		{name: "what is on the node counts", node: ct.Node("n"), on: ct.Pod(ct.Requests("cpu", "2")), pod: ct.Pod(ct.Requests("memory", "4Gi")), want: map[string]int64{"n": 100}},
		{name: "more than there is counts as all", node: ct.Node("n"), on: ct.Pod(ct.Requests("cpu", "9", "memory", "9Gi")), pod: ct.Pod(ct.Requests("cpu", "1")), want: map[string]int64{"n": 100}},
		{name: "a pod that requests nothing has no preference", node: ct.Node("n"), pod: ct.Pod()},
		{name: "one resource is always in balance", node: ct.Node("n", ct.Offers("cpu", "4", "pods", "9")), pod: ct.Pod(ct.Requests("cpu", "1")), want: map[string]int64{"n": 100}},
		{name: "three resources", args: three, node: ct.Node("n", ct.Offers("cpu", "4", "memory", "8Gi", "example.com/gpu", "1")),
			pod: ct.Pod(ct.Requests("cpu", "0", "memory", "4Gi", "example.com/gpu", "1")), want: map[string]int64{"n": 59}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := ct.New(c.node)
			if c.on != nil {
				cluster.With("n", c.on)
			}
			if c.args == nil {
				c.args = &schedulerv1.NodeResourcesBalancedAllocationArgs{}
			}
			if diff := cmp.Diff(c.want, cluster.Score(t, ct.Build(t, New, c.args), c.pod)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestBalanceHasNoWeights(t *testing.T) {
	args := &schedulerv1.NodeResourcesBalancedAllocationArgs{Resources: []schedulerv1.ResourceSpec{{Name: "cpu", Weight: 2}}}
	if _, err := New(args, framework.Handle{}); err == nil {
		t.Error("a weight of 2 is accepted")
	}
}
