// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeunschedulable

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/scheduler/framework"
	ct "coxswain.dev/coxswain/scheduler/plugins/internal/clustertest"
)

func cordoned(n *corev1.Node) { n.Spec.Unschedulable = true }

func tolerating(t corev1.Toleration) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{t} }
}

func TestFilter(t *testing.T) {
	cluster := ct.New(ct.Node("open"), ct.Node("cordoned", cordoned))
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want map[string][]string
	}{
		{"an ordinary pod stays away", ct.Pod(), map[string][]string{"cordoned": {reason}}},
		{"a daemon tolerates cordoning", ct.Pod(tolerating(corev1.Toleration{Key: "node.kubernetes.io/unschedulable", Operator: "Exists", Effect: "NoSchedule"})), map[string][]string{}},
		{"a pod that tolerates everything does too", ct.Pod(tolerating(corev1.Toleration{Operator: "Exists"})), map[string][]string{}},
		{"another effect does not count", ct.Pod(tolerating(corev1.Toleration{Key: "node.kubernetes.io/unschedulable", Operator: "Exists", Effect: "NoExecute"})),
			map[string][]string{"cordoned": {reason}}},
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
	for _, c := range []struct {
		name  string
		event framework.Event
		want  bool
	}{
		{"uncordoned", framework.Event{Resource: framework.Node, Action: framework.UpdateNodeTaint, Node: ct.Node("a")}, true},
		{"still cordoned", framework.Event{Resource: framework.Node, Action: framework.UpdateNodeTaint, Node: ct.Node("a", cordoned)}, false},
		{"a new node", framework.Event{Resource: framework.Node, Action: framework.Add, Node: ct.Node("a")}, true},
		{"more memory", framework.Event{Resource: framework.Node, Action: framework.UpdateNodeAllocatable, Node: ct.Node("a")}, false},
	} {
		if got := cluster.Helps(&Plugin{}, ct.Pod(), c.event); got != c.want {
			t.Errorf("%s: helps = %v", c.name, got)
		}
	}
}
