// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package noderesourcesfit

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"
	"k8s.io/utils/ptr"

	"coxswain.dev/coxswain/scheduler/framework"
	ct "coxswain.dev/coxswain/scheduler/plugins/internal/clustertest"
)

func TestFilter(t *testing.T) {
	sidecar := func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{{RestartPolicy: ptr.To(corev1.ContainerRestartPolicyAlways),
			Resources: corev1.ResourceRequirements{Requests: ct.Resources("cpu", "2")}}}
	}
	setup := func(p *corev1.Pod) {
		p.Spec.InitContainers = []corev1.Container{{Resources: corev1.ResourceRequirements{Requests: ct.Resources("cpu", "4")}}}
	}
	for _, c := range []struct {
		name   string
		node   *corev1.Node
		placed []*corev1.Pod
		args   *schedulerv1.NodeResourcesFitArgs
		pod    *corev1.Pod
		want   []string
	}{
		{name: "it fits exactly", node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "4", "memory", "8Gi"))},
		{name: "a pod without requests fits a full node", node: ct.Node("n"), placed: []*corev1.Pod{ct.Pod(ct.Requests("cpu", "4", "memory", "8Gi"))}, pod: ct.Pod()},
		{name: "one too little of each", node: ct.Node("n"), placed: []*corev1.Pod{ct.Pod(ct.Requests("cpu", "2", "memory", "4Gi"))},
			pod: ct.Pod(ct.Requests("cpu", "2001m", "memory", "5Gi")), want: []string{"Insufficient cpu", "Insufficient memory"}},
		{name: "no room for another pod, even one that wants nothing", node: ct.Node("n", ct.Offers("cpu", "4", "pods", "1")), placed: []*corev1.Pod{ct.Pod()},
			pod: ct.Pod(), want: []string{"Too many pods"}},
		{name: "a node that says nothing of pods takes none", node: ct.Node("n", ct.Offers("cpu", "4")), pod: ct.Pod(), want: []string{"Too many pods"}},
		{name: "local storage", node: ct.Node("n", ct.Offers("ephemeral-storage", "1Gi", "pods", "9")), pod: ct.Pod(ct.Requests("ephemeral-storage", "2Gi")),
			want: []string{"Insufficient ephemeral-storage"}},
		{name: "an extended resource that the node does not have", node: ct.Node("n"), pod: ct.Pod(ct.Requests("example.com/gpu", "1")),
			want: []string{"Insufficient example.com/gpu"}},
		{name: "a request of zero of it", node: ct.Node("n"), pod: ct.Pod(ct.Requests("example.com/gpu", "0"))},
		{name: "an extended resource left to someone else", node: ct.Node("n"), pod: ct.Pod(ct.Requests("example.com/gpu", "1")),
			args: &schedulerv1.NodeResourcesFitArgs{IgnoredResources: []string{"example.com/gpu"}}},
		{name: "a group of them", node: ct.Node("n"), pod: ct.Pod(ct.Requests("example.com/gpu", "1")),
			args: &schedulerv1.NodeResourcesFitArgs{IgnoredResourceGroups: []string{"example.com"}}},
		{name: "CPU cannot be left out", node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "5")),
			args: &schedulerv1.NodeResourcesFitArgs{IgnoredResources: []string{"cpu"}}, want: []string{"Insufficient cpu"}},
		{name: "a sidecar counts beside the containers", node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "3"), sidecar), want: []string{"Insufficient cpu"}},
		{name: "an init container does not", node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "3"), setup)},
		{name: "overhead counts", node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "4"), func(p *corev1.Pod) { p.Spec.Overhead = ct.Resources("cpu", "1m") }),
			want: []string{"Insufficient cpu"}},
		{name: "requests of the whole pod win", node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "1"), func(p *corev1.Pod) {
			p.Spec.Resources = &corev1.ResourceRequirements{Requests: ct.Resources("cpu", "5")}
		}), want: []string{"Insufficient cpu"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := ct.New(c.node)
			for _, pod := range c.placed {
				cluster.With("n", pod)
			}
			if c.args == nil {
				c.args = &schedulerv1.NodeResourcesFitArgs{}
			}
			if diff := cmp.Diff(c.want, cluster.Filter(t, ct.Build(t, New, c.args), c.pod)["n"]); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOnlyWhatAnEmptyNodeLacksIsUnresolvable(t *testing.T) {
	cluster := ct.New(ct.Node("n")).With("n", ct.Pod(ct.Requests("cpu", "3")))
	for cpu, want := range map[string]bool{"2": false, "5": true} {
		filter, _ := ct.Build(t, New, Args()).(*Plugin).Filter(cluster.Pod(ct.Pod(ct.Requests("cpu", cpu))), cluster.Nodes)
		if got := filter.Check.Check(0).Unresolvable; got != want {
			t.Errorf("a request of %s: unresolvable = %v", cpu, got)
		}
	}
}

func strategyOf(kind schedulerv1.ScoringStrategyType, resources ...schedulerv1.ResourceSpec) *schedulerv1.NodeResourcesFitArgs {
	return &schedulerv1.NodeResourcesFitArgs{ScoringStrategy: &schedulerv1.ScoringStrategy{Type: kind, Resources: resources}}
}

func TestScore(t *testing.T) {
	ratio := strategyOf(schedulerv1.RequestedToCapacityRatio)
	ratio.ScoringStrategy.RequestedToCapacityRatio = &schedulerv1.RequestedToCapacityRatioParam{
		Shape: []schedulerv1.UtilizationShapePoint{{Utilization: 0, Score: 0}, {Utilization: 50, Score: 10}, {Utilization: 100, Score: 2}}}
	gpu := schedulerv1.ResourceSpec{Name: "example.com/gpu", Weight: 3}
	cpu := schedulerv1.ResourceSpec{Name: "cpu", Weight: 1}
	for _, c := range []struct {
		name   string
		args   *schedulerv1.NodeResourcesFitArgs
		node   *corev1.Node
		placed *corev1.Pod
		pod    *corev1.Pod
		want   int64
	}{
		{name: "least allocated: half of each is left", args: Args().(*schedulerv1.NodeResourcesFitArgs), node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "2", "memory", "4Gi")), want: 50},
		{name: "least allocated: the mean of both", args: strategyOf(""), node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "1", "memory", "4Gi")), want: (75 + 50) / 2},
		{name: "pods without requests are taken to need a little", args: strategyOf(""), node: ct.Node("n", ct.Offers("cpu", "1", "memory", "2000Mi", "pods", "9")),
			placed: ct.Pod(), pod: ct.Pod(), want: 80},
		{name: "over-committed is worth nothing", args: strategyOf(""), node: ct.Node("n", ct.Offers("cpu", "100m", "memory", "200Mi", "pods", "9")), placed: ct.Pod(), pod: ct.Pod(), want: 0},
		{name: "most allocated", args: strategyOf(schedulerv1.MostAllocated), node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "3", "memory", "2Gi")), want: (75 + 25) / 2},
		{name: "weights", args: strategyOf(schedulerv1.MostAllocated, cpu, gpu), node: ct.Node("n", ct.Offers("cpu", "4", "example.com/gpu", "4", "pods", "9")),
			pod: ct.Pod(ct.Requests("cpu", "4", "example.com/gpu", "2")), want: (100 + 3*50) / 4},
		{name: "extended resources that are not asked for do not count", args: strategyOf(schedulerv1.MostAllocated, cpu, gpu),
			node: ct.Node("n", ct.Offers("cpu", "4", "example.com/gpu", "4", "pods", "9")), pod: ct.Pod(ct.Requests("cpu", "4")), want: 100},
		{name: "along a curve", args: ratio, node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "1", "memory", "6Gi")), want: (50 + 60) / 2},
		{name: "along a curve, at a point", args: ratio, node: ct.Node("n"), pod: ct.Pod(ct.Requests("cpu", "2", "memory", "4Gi")), want: 100},
		{name: "a node that has nothing", args: strategyOf(""), node: ct.Node("n", ct.Offers("pods", "9")), pod: ct.Pod(), want: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			cluster := ct.New(c.node)
			if c.placed != nil {
				cluster.With("n", c.placed)
			}
			if got := cluster.Score(t, ct.Build(t, New, c.args), c.pod)["n"]; got != c.want {
				t.Errorf("got %d, want %d", got, c.want)
			}
		})
	}
}

func TestArgumentsAreChecked(t *testing.T) {
	shape := func(points ...schedulerv1.UtilizationShapePoint) *schedulerv1.NodeResourcesFitArgs {
		args := strategyOf(schedulerv1.RequestedToCapacityRatio)
		args.ScoringStrategy.RequestedToCapacityRatio = &schedulerv1.RequestedToCapacityRatioParam{Shape: points}
		return args
	}
	for _, c := range []struct {
		name string
		args *schedulerv1.NodeResourcesFitArgs
		want string
	}{
		{"unknown type", strategyOf("Fairest"), "scoringStrategy.type"},
		{"a ratio without a curve", strategyOf(schedulerv1.RequestedToCapacityRatio), "requestedToCapacityRatio: required"},
		{"an empty curve", shape(), "at least one point"},
		{"a curve that goes back", shape(schedulerv1.UtilizationShapePoint{Utilization: 5}, schedulerv1.UtilizationShapePoint{Utilization: 5}), "shape[1].utilization"},
		{"beyond full", shape(schedulerv1.UtilizationShapePoint{Utilization: 101}), "from 0 to 100"},
		{"too good", shape(schedulerv1.UtilizationShapePoint{Score: 11}), "from 0 to 10"},
		{"weight", strategyOf("", schedulerv1.ResourceSpec{Name: "cpu", Weight: 101}), "resources[0].weight"},
		{"group with a slash", &schedulerv1.NodeResourcesFitArgs{IgnoredResourceGroups: []string{"a/b"}}, "ignoredResourceGroups[0]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := New(c.args, framework.Handle{}); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want something about %q", err, c.want)
			}
		})
	}
}

func TestHints(t *testing.T) {
	cluster := ct.New()
	plugin := ct.Build(t, New, Args())
	waiting := ct.Pod(ct.Requests("cpu", "2"))
	about := func(action framework.Action, pod *corev1.Pod) framework.Event {
		return framework.Event{Resource: framework.AssignedPod, Action: action, Pod: cluster.Pod(pod)}
	}
	node := func(action framework.Action, cpu string) framework.Event {
		return framework.Event{Resource: framework.Node, Action: action, Node: ct.Node("n", ct.Offers("cpu", cpu, "pods", "9"))}
	}
	for _, c := range []struct {
		name  string
		event framework.Event
		want  bool
	}{
		{"a pod leaves", about(framework.Delete, ct.Pod()), true},
		{"a pod shrinks in CPU", about(framework.UpdatePodScaleDown, ct.Pod(ct.Requests("cpu", "1"))), true},
		{"a pod shrinks in memory", about(framework.UpdatePodScaleDown, ct.Pod(ct.Requests("memory", "1Gi"))), false},
		{"a node that is large enough", node(framework.Add, "2"), true},
		{"a node that is too small", node(framework.Add, "1"), false},
		{"a node that has grown enough", node(framework.UpdateNodeAllocatable, "2"), true},
		{"a node's label", node(framework.UpdateNodeLabel, "4"), false},
	} {
		if got := cluster.Helps(plugin, waiting, c.event); got != c.want {
			t.Errorf("%s: helps = %v", c.name, got)
		}
	}
}
