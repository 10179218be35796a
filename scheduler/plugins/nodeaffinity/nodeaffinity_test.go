// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package nodeaffinity

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/framework"
	ct "coxswain.dev/coxswain/scheduler/plugins/internal/clustertest"
)

func expr(key, op string, values ...string) corev1.NodeSelectorRequirement {
	return corev1.NodeSelectorRequirement{Key: key, Operator: corev1.NodeSelectorOperator(op), Values: values}
}

func labels(list ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchExpressions: list}
}

func fields(list ...corev1.NodeSelectorRequirement) corev1.NodeSelectorTerm {
	return corev1.NodeSelectorTerm{MatchFields: list}
}

func requires(terms ...corev1.NodeSelectorTerm) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: terms}}}
	}
}

func selects(pairs ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		p.Spec.NodeSelector = map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			p.Spec.NodeSelector[pairs[i]] = pairs[i+1]
		}
	}
}

func TestFilter(t *testing.T) {
	cluster := ct.New(
		ct.Node("a", ct.Labels("zone", "a", "disk", "ssd", "rank", "5")),
		ct.Node("b", ct.Labels("zone", "b", "disk", "hdd", "rank", "10")),
		ct.Node("c", ct.Labels("zone", "c", "rank", "high")),
	)
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		pass []string
	}{
		{"a pod that asks for nothing", ct.Pod(), []string{"a", "b", "c"}},
		{"a selector", ct.Pod(selects("zone", "a")), []string{"a"}},
		{"every label of a selector counts", ct.Pod(selects("zone", "a", "disk", "hdd")), nil},
		{"In", ct.Pod(requires(labels(expr("zone", "In", "a", "b")))), []string{"a", "b"}},
		{"NotIn takes nodes without the label", ct.Pod(requires(labels(expr("disk", "NotIn", "ssd")))), []string{"b", "c"}},
		{"Exists", ct.Pod(requires(labels(expr("disk", "Exists")))), []string{"a", "b"}},
		{"DoesNotExist", ct.Pod(requires(labels(expr("disk", "DoesNotExist")))), []string{"c"}},
		{"Gt reads numbers, and only numbers", ct.Pod(requires(labels(expr("rank", "Gt", "5")))), []string{"b"}},
		{"Lt", ct.Pod(requires(labels(expr("rank", "Lt", "6")))), []string{"a"}},
		{"expressions of a term all count", ct.Pod(requires(labels(expr("zone", "In", "a", "b"), expr("disk", "In", "hdd")))), []string{"b"}},
		{"one of the terms is enough", ct.Pod(requires(labels(expr("zone", "In", "a")), labels(expr("zone", "In", "c")))), []string{"a", "c"}},
		{"an empty term matches nothing", ct.Pod(requires(corev1.NodeSelectorTerm{})), nil},
		{"no terms match nothing", ct.Pod(requires()), nil},
		{"a term that makes no sense matches nothing", ct.Pod(requires(labels(expr("rank", "Gt", "many")))), nil},
		{"selector and affinity both count", ct.Pod(selects("zone", "a"), requires(labels(expr("zone", "In", "b")))), nil},
		{"a field", ct.Pod(requires(fields(expr("metadata.name", "In", "b")))), []string{"b"}},
		{"not a field", ct.Pod(requires(fields(expr("metadata.name", "NotIn", "b")))), []string{"a", "c"}},
		{"fields and labels of a term both count", ct.Pod(requires(corev1.NodeSelectorTerm{
			MatchFields: fields(expr("metadata.name", "NotIn", "b")).MatchFields, MatchExpressions: labels(expr("disk", "Exists")).MatchExpressions,
		})), []string{"a"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := map[string][]string{}
			for _, name := range []string{"a", "b", "c"} {
				if !slices.Contains(c.pass, name) {
					want[name] = []string{reason}
				}
			}
			if diff := cmp.Diff(want, cluster.Filter(t, &Plugin{}, c.pod)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNamedNodesNarrowTheSearch(t *testing.T) {
	name := func(names ...string) corev1.NodeSelectorTerm {
		var term corev1.NodeSelectorTerm
		for _, n := range names {
			term.MatchFields = append(term.MatchFields, expr("metadata.name", "In", n))
		}
		return term
	}
	for _, c := range []struct {
		what  string
		terms []corev1.NodeSelectorTerm
		names []string
		named bool
	}{
		{"one name", []corev1.NodeSelectorTerm{name("a")}, []string{"a"}, true},
		{"a name in each term", []corev1.NodeSelectorTerm{name("b"), name("a")}, []string{"a", "b"}, true},
		{"a term without a name", []corev1.NodeSelectorTerm{name("a"), labels(expr("zone", "Exists"))}, nil, false},
		{"two names at once", []corev1.NodeSelectorTerm{name("a", "b")}, []string{}, true},
	} {
		t.Run(c.what, func(t *testing.T) {
			names, named := namedNodes(&corev1.NodeSelector{NodeSelectorTerms: c.terms})
			if named != c.named || !slices.Equal(names, c.names) {
				t.Errorf("got %v, %v", names, named)
			}
		})
	}
	if got := ct.New(ct.Node("a")).Filter(t, &Plugin{}, ct.Pod(requires(name("a", "b")))); !cmp.Equal(got, map[string][]string{"*": {reasonConflict}}) {
		t.Errorf("conflicting names: got %v", got)
	}
}

func TestEnforcedAffinity(t *testing.T) {
	args := &schedulerv1.NodeAffinityArgs{AddedAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{labels(expr("pool", "In", "batch"))}},
	}}
	cluster := ct.New(ct.Node("a", ct.Labels("pool", "batch")), ct.Node("b"))
	got := cluster.Filter(t, ct.Build(t, New, args), ct.Pod())
	if diff := cmp.Diff(map[string][]string{"b": {reasonEnforced}}, got); diff != "" {
		t.Error(diff)
	}
	bad := &schedulerv1.NodeAffinityArgs{AddedAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{labels(expr("pool", "Around"))}}}}
	if _, err := New(bad, framework.Handle{}); err == nil {
		t.Error("an operator that does not exist is accepted")
	}
}

func TestScore(t *testing.T) {
	cluster := ct.New(ct.Node("a", ct.Labels("zone", "a", "disk", "ssd")), ct.Node("b", ct.Labels("zone", "b", "disk", "ssd")), ct.Node("c"))
	prefers := func(terms ...corev1.PreferredSchedulingTerm) func(*corev1.Pod) {
		return func(p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{PreferredDuringSchedulingIgnoredDuringExecution: terms}}
		}
	}
	zone := corev1.PreferredSchedulingTerm{Weight: 30, Preference: labels(expr("zone", "In", "a"))}
	disk := corev1.PreferredSchedulingTerm{Weight: 10, Preference: labels(expr("disk", "Exists"))}
	empty := corev1.PreferredSchedulingTerm{Weight: 50}
	for _, c := range []struct {
		name string
		pod  *corev1.Pod
		want map[string]int64
	}{
		{"no preference", ct.Pod(), nil},
		{"weights add up, and the best gets 100", ct.Pod(prefers(zone, disk)), map[string]int64{"a": 100, "b": 25, "c": 0}},
		{"an empty preference is none", ct.Pod(prefers(empty)), nil},
		{"nobody matches", ct.Pod(prefers(corev1.PreferredSchedulingTerm{Weight: 1, Preference: labels(expr("x", "Exists"))})),
			map[string]int64{"a": 0, "b": 0, "c": 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, cluster.Score(t, &Plugin{}, c.pod)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestLabelsThatComeAndGoAreSeen(t *testing.T) {
	cluster := ct.New(ct.Node("a"))
	filter, _ := (&Plugin{}).Filter(cluster.Pod(ct.Pod(selects("zone", "a"))), cluster.Nodes)
	if filter.Check.Check(0) == nil {
		t.Fatal("a node without the label passes")
	}
	for _, zone := range []string{"a", "b", "a"} {
		cluster.Cache.SetNode(ct.Node("a", ct.Labels("zone", zone)))
		cluster.Cache.Update(cluster.Nodes)
		if passes := filter.Check.Check(0) == nil; passes != (zone == "a") {
			t.Errorf("in zone %s the node passes = %v", zone, passes)
		}
	}
}

func TestHints(t *testing.T) {
	cluster := ct.New()
	pod := ct.Pod(selects("zone", "a"))
	labelled := framework.Event{Resource: framework.Node, Action: framework.UpdateNodeLabel, Node: ct.Node("n", ct.Labels("zone", "a"))}
	other := framework.Event{Resource: framework.Node, Action: framework.UpdateNodeLabel, Node: ct.Node("n", ct.Labels("zone", "b"))}
	if !cluster.Helps(&Plugin{}, pod, labelled) || cluster.Helps(&Plugin{}, pod, other) {
		t.Error("a pod is woken up exactly by nodes that match")
	}
}
