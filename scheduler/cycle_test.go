// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

func TestAPodIsBoundToTheNodeThatFits(t *testing.T) {
	h := newHarness(t, Config{})
	h.setNode(makeNode("small", "1", "1Gi"))
	h.setNode(makeNode("large", "8", "16Gi"))
	h.setPod(makePod("p", "2", "2Gi"))
	h.run()
	if got := h.nodeOf("p"); got != "large" {
		t.Errorf("pod is on %q", got)
	}
	want := []string{"Normal Scheduled Successfully assigned default/p to large"}
	if diff := cmp.Diff(want, h.notes.take()); diff != "" {
		t.Error(diff)
	}
	if place, assumed := h.cache.Placed("uid-p"); !place || assumed {
		t.Errorf("the cache has the pod placed=%v assumed=%v, want a confirmed place", place, assumed)
	}
}

func TestReplicasSpread(t *testing.T) {
	h := newHarness(t, Config{})
	for _, name := range []string{"a", "b", "c"} {
		h.setNode(makeNode(name, "4", "8Gi"))
	}
	nodes := map[string]int{}
	for _, name := range []string{"1", "2", "3", "4", "5", "6"} {
		h.setPod(makePod(name, "1m", "1Mi"))
		h.run()
		nodes[h.nodeOf(name)]++
	}
	if diff := cmp.Diff(map[string]int{"a": 2, "b": 2, "c": 2}, nodes); diff != "" {
		t.Error(diff)
	}
}

func TestFailuresAreWordedAsKubernetesDoes(t *testing.T) {
	for _, c := range []struct {
		name  string
		nodes []*corev1.Node
		pod   *corev1.Pod
		want  string
	}{
		{
			name: "no nodes",
			pod:  makePod("p", "1", "1Gi"),
			want: "no nodes available to schedule pods",
		},
		{
			name:  "a taint and a lack of CPU",
			nodes: []*corev1.Node{tainted(makeNode("a", "8", "8Gi")), makeNode("b", "1", "8Gi"), makeNode("c", "1", "8Gi")},
			pod:   makePod("p", "2", "1Gi"),
			want: "0/3 nodes are available: 1 node(s) had untolerated taint {dedicated: db}, 2 Insufficient cpu. " +
				"preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
		},
		{
			name:  "several shortages on one node count each",
			nodes: []*corev1.Node{makeNode("a", "1", "1Gi")},
			pod:   makePod("p", "2", "2Gi"),
			want: "0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory. " +
				"preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
		},
		{
			name:  "a selector that matches nothing",
			nodes: []*corev1.Node{makeNode("a", "8", "8Gi")},
			pod:   makePod("p", "1", "1Gi", func(p *corev1.Pod) { p.Spec.NodeSelector = map[string]string{"disk": "ssd"} }),
			want: "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector. " +
				"preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.",
		},
		{
			name:  "a daemon's pod whose node is full, and the nodes it does not want",
			nodes: []*corev1.Node{makeNode("a", "1", "8Gi"), makeNode("b", "8", "8Gi")},
			pod:   makePod("p", "2", "1Gi", pinned("a")),
			want: "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity]. " +
				"preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
		},
		{
			name:  "a daemon's pod that names two nodes at once",
			nodes: []*corev1.Node{makeNode("a", "8", "8Gi"), makeNode("b", "8", "8Gi")},
			pod:   makePod("p", "1", "1Gi", pinned("a", "b")),
			want: "0/2 nodes are available: pod affinity terms conflict. " +
				"preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
		},
		{
			name:  "a cordoned node, and a pod that would not preempt",
			nodes: []*corev1.Node{cordoned(makeNode("a", "8", "8Gi"))},
			pod: makePod("p", "1", "1Gi", func(p *corev1.Pod) {
				p.Spec.PreemptionPolicy = ptr.To(corev1.PreemptNever)
			}),
			want: "0/1 nodes are available: 1 node(s) were unschedulable. preemption: not eligible due to preemptionPolicy=Never.",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t, Config{})
			for _, node := range c.nodes {
				h.setNode(node)
			}
			h.setPod(c.pod)
			h.run()
			if diff := cmp.Diff([]string{"Warning FailedScheduling " + c.want}, h.notes.take()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff("False Unschedulable "+c.want, h.condition(t)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPreemptionIsNotPromised(t *testing.T) {
	h := newHarness(t, Config{})
	h.setNode(makeNode("equal", "4", "8Gi"))
	h.setNode(makeNode("lower", "4", "8Gi"))
	for name, priority := range map[string]int32{"equal": 100, "lower": 1} {
		h.setPod(makePod(name, "3", "1Gi", func(p *corev1.Pod) { p.Spec.NodeName, p.Spec.Priority = name, ptr.To(priority) }))
	}
	h.setPod(makePod("p", "2", "1Gi", func(p *corev1.Pod) { p.Spec.Priority = ptr.To[int32](100) }))
	h.run()
	want := []string{"Warning FailedScheduling 0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: " +
		"1 No preemption victims found for incoming pod, 1 node(s) had pods of lower priority, which are not preempted."}
	if diff := cmp.Diff(want, h.notes.take()); diff != "" {
		t.Error(diff)
	}
}

func TestAPodPutAsideIsTriedWhenSomethingHelps(t *testing.T) {
	h := newHarness(t, Config{})
	h.setNode(tainted(makeNode("a", "1", "8Gi")))
	h.setPod(makePod("p", "2", "1Gi"))
	h.run()
	h.notes.take()

	h.setNode(func() *corev1.Node { n := tainted(makeNode("a", "1", "8Gi")); n.Labels["x"] = "y"; return n }())
	if counts := h.queue.Counts(); counts.Unschedulable != 1 {
		t.Fatalf("a new label woke up a pod that a taint keeps out: %+v", counts)
	}
	h.setNode(makeNode("a", "1", "8Gi")) // the taint goes, but the node is still too small
	h.drainBackoff()
	want := "Warning FailedScheduling 0/1 nodes are available: 1 Insufficient cpu. " +
		"preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
	if diff := cmp.Diff([]string{want}, h.notes.take()); diff != "" {
		t.Fatal(diff)
	}
	h.setNode(makeNode("b", "4", "8Gi"))
	h.drainBackoff()
	if got := h.nodeOf("p"); got != "b" {
		t.Errorf("pod is on %q, want b", got)
	}
}

func TestRoomThatADeletedPodLeavesIsUsed(t *testing.T) {
	h := newHarness(t, Config{})
	h.setNode(makeNode("a", "2", "8Gi"))
	h.setPod(makePod("first", "2", "1Gi"))
	h.setPod(makePod("second", "2", "1Gi"))
	h.run()
	waiting, running := "second", "first"
	if h.nodeOf("first") == "" {
		waiting, running = running, waiting
	}
	h.deletePod(running)
	h.drainBackoff()
	if got := h.nodeOf(waiting); got != "a" {
		t.Errorf("pod is on %q, want a", got)
	}
}

func TestAFailedBindingIsUndoneAndTriedAgain(t *testing.T) {
	h := newHarness(t, Config{})
	h.setNode(makeNode("a", "2", "8Gi"))
	h.setPod(makePod("p", "2", "1Gi"))
	h.fail = errors.New("etcd is away")
	h.run()
	if placed, _ := h.cache.Placed("uid-p"); placed {
		t.Error("the promise was not taken back")
	}
	if diff := cmp.Diff("False SchedulerError binding pod default/p to node a: etcd is away", h.condition(t)); diff != "" {
		t.Error(diff)
	}
	if counts := h.queue.Counts(); counts.Backoff != 1 {
		t.Errorf("the pod does not wait to be tried again: %+v", counts)
	}
	h.fail = nil
	h.time.Step(time.Second)
	h.drainBackoff()
	if got := h.nodeOf("p"); got != "a" {
		t.Errorf("pod is on %q, want a", got)
	}
}

func TestGatedAndForeignPodsAreLeftAlone(t *testing.T) {
	h := newHarness(t, Config{})
	h.setNode(makeNode("a", "2", "8Gi"))
	h.setPod(makePod("gated", "1", "1Gi", func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "wait"}} }))
	h.setPod(makePod("foreign", "1", "1Gi", func(p *corev1.Pod) { p.Spec.SchedulerName = "someone-else" }))
	h.run()
	if counts := h.queue.Counts(); counts.Gated != 1 || counts.Active+counts.Unschedulable+counts.Backoff != 0 {
		t.Errorf("got %+v, want one gated pod and no other", counts)
	}
	h.setPod(makePod("gated", "1", "1Gi"))
	h.run()
	if got := h.nodeOf("gated"); got != "a" {
		t.Errorf("pod is on %q once its gate is open", got)
	}
}

func TestHigherPriorityGoesFirst(t *testing.T) {
	h := newHarness(t, Config{})
	h.setNode(makeNode("a", "1", "8Gi"))
	h.setPod(makePod("low", "1", "1Gi"))
	h.setPod(makePod("high", "1", "1Gi", func(p *corev1.Pod) { p.Spec.Priority = ptr.To[int32](10) }))
	h.run()
	if h.nodeOf("high") != "a" || h.nodeOf("low") != "" {
		t.Errorf("high is on %q and low on %q", h.nodeOf("high"), h.nodeOf("low"))
	}
}

func TestDecisionsAreExplained(t *testing.T) {
	h := newHarness(t, Config{})
	h.setNode(tainted(makeNode("a", "8", "8Gi")))
	h.setNode(makeNode("b", "4", "8Gi"))
	h.setNode(makeNode("c", "8", "16Gi"))
	h.setPod(makePod("p", "1", "1Gi"))
	h.run()
	got, ok := h.Explain(types.NamespacedName{Namespace: "default", Name: "p"})
	if !ok {
		t.Fatal("there is no explanation")
	}
	if got.Node != "c" || got.Nodes != 3 || got.Feasible != 2 {
		t.Errorf("got node %s of %d, %d feasible", got.Node, got.Nodes, got.Feasible)
	}
	rejected := []RejectedNodes{{Plugin: "TaintToleration", Reasons: []string{"node(s) had untolerated taint {dedicated: db}"}, Nodes: []string{"a"}}}
	if diff := cmp.Diff(rejected, got.Rejected); diff != "" {
		t.Error(diff)
	}
	if len(got.Scores) != 2 || got.Scores[0].Node != "c" || got.Scores[0].Total <= got.Scores[1].Total {
		t.Errorf("scores: %+v", got.Scores)
	}
}

// drainBackoff steps time until nothing waits for it, running cycles in between.
func (h *harness) drainBackoff() {
	h.t.Helper()
	for range 20 {
		h.time.Step(11 * time.Second)
		if item, wait := h.queue.Next(); item != nil {
			h.cycle(h.t.Context(), item)
			h.writers.Wait()
		} else if wait > 0 && h.queue.Counts().Backoff == 0 {
			return
		}
	}
}

// condition is the PodScheduled condition written last.
func (h *harness) condition(t *testing.T) string {
	t.Helper()
	var last clienttesting.PatchAction
	for _, action := range h.api.Actions() {
		if patch, ok := action.(clienttesting.PatchAction); ok && patch.GetSubresource() == "status" {
			last = patch
		}
	}
	if last == nil {
		return ""
	}
	var pod corev1.Pod
	if err := json.Unmarshal(last.GetPatch(), &pod); err != nil {
		t.Fatal(err)
	}
	c := pod.Status.Conditions[0]
	return strings.Join([]string{string(c.Status), c.Reason, c.Message}, " ")
}

func tainted(node *corev1.Node) *corev1.Node {
	node.Spec.Taints = []corev1.Taint{{Key: "dedicated", Value: "db", Effect: corev1.TaintEffectNoSchedule}}
	return node
}

func cordoned(node *corev1.Node) *corev1.Node {
	node.Spec.Unschedulable = true
	return node
}

// pinned makes a pod demand nodes by name, all of them at once, as a daemon set does with one.
func pinned(names ...string) func(*corev1.Pod) {
	return func(p *corev1.Pod) {
		term := corev1.NodeSelectorTerm{}
		for _, name := range names {
			term.MatchFields = append(term.MatchFields, corev1.NodeSelectorRequirement{
				Key: "metadata.name", Operator: corev1.NodeSelectorOpIn, Values: []string{name}})
		}
		p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{term}}}}
	}
}
