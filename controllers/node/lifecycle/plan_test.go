// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"
	"k8s.io/utils/ptr"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func newNode(name string, ready corev1.ConditionStatus, taints ...corev1.Taint) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, CreationTimestamp: metav1.NewTime(epoch)},
		Spec:       corev1.NodeSpec{Taints: taints},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeReady, Status: ready, LastHeartbeatTime: metav1.NewTime(epoch)},
		}},
	}
}

func taint(key string, effect corev1.TaintEffect) corev1.Taint {
	return corev1.Taint{Key: key, Effect: effect}
}

func TestTaints(t *testing.T) {
	foreign := taint("dedicated", corev1.TaintEffectNoSchedule)
	cordoned := newNode("n", corev1.ConditionTrue)
	cordoned.Spec.Unschedulable = true
	pressed := newNode("n", corev1.ConditionTrue)
	pressed.Status.Conditions = append(pressed.Status.Conditions, corev1.NodeCondition{Type: corev1.NodeMemoryPressure, Status: corev1.ConditionTrue})
	tests := []struct {
		name      string
		node      *corev1.Node
		noExecute string
		want      []corev1.Taint
	}{
		{"a ready node has none", newNode("n", corev1.ConditionTrue), "", nil},
		{"a ready node loses ours and keeps others'", newNode("n", corev1.ConditionTrue, foreign,
			taint(corev1.TaintNodeNotReady, corev1.TaintEffectNoSchedule), taint(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute)), "",
			[]corev1.Taint{foreign}},
		{"not ready", newNode("n", corev1.ConditionFalse), "", []corev1.Taint{taint(corev1.TaintNodeNotReady, corev1.TaintEffectNoSchedule)}},
		{"unreachable, to be evicted", newNode("n", corev1.ConditionUnknown), corev1.TaintNodeUnreachable, []corev1.Taint{
			taint(corev1.TaintNodeUnreachable, corev1.TaintEffectNoSchedule), taint(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute)}},
		{"from not ready to unreachable", newNode("n", corev1.ConditionUnknown, taint(corev1.TaintNodeNotReady, corev1.TaintEffectNoExecute)),
			corev1.TaintNodeUnreachable, []corev1.Taint{
				taint(corev1.TaintNodeUnreachable, corev1.TaintEffectNoSchedule), taint(corev1.TaintNodeUnreachable, corev1.TaintEffectNoExecute)}},
		{"cordoned", cordoned, "", []corev1.Taint{taint(corev1.TaintNodeUnschedulable, corev1.TaintEffectNoSchedule)}},
		{"short of memory", pressed, "", []corev1.Taint{taint(corev1.TaintNodeMemoryPressure, corev1.TaintEffectNoSchedule)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := taints(test.node, test.noExecute, epoch)
			for i := range got {
				got[i].TimeAdded = nil
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTaintsThatStayKeepTheirTime(t *testing.T) {
	old := metav1.NewTime(epoch.Add(-time.Hour))
	node := newNode("n", corev1.ConditionUnknown,
		corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoSchedule, TimeAdded: &old},
		corev1.Taint{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute, TimeAdded: &old})
	if diff := cmp.Diff(node.Spec.Taints, taints(node, corev1.TaintNodeUnreachable, epoch)); diff != "" {
		t.Error(diff)
	}
}

func TestSilence(t *testing.T) {
	got := silence(newNode("n", corev1.ConditionTrue), epoch.Add(time.Minute))
	want := map[corev1.NodeConditionType]string{
		corev1.NodeReady: reasonSilent, corev1.NodeMemoryPressure: reasonNever, corev1.NodeDiskPressure: reasonNever, corev1.NodePIDPressure: reasonNever,
	}
	reasons := map[corev1.NodeConditionType]string{}
	for _, c := range got {
		reasons[c.Type] = c.Reason
		if c.Status != corev1.ConditionUnknown {
			t.Errorf("%s is %s", c.Type, c.Status)
		}
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Error(diff)
	}
	silent := newNode("n", corev1.ConditionTrue)
	silent.Status.Conditions = got
	if again := silence(silent, epoch.Add(time.Hour)); again != nil {
		t.Errorf("a silent node is silenced again: %v", again)
	}
}

func TestHealthCountsHeartbeatsByOurClock(t *testing.T) {
	h, node := newHealth(), newNode("n", corev1.ConditionTrue)
	lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: "n"}}
	at := func(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	heard := func(now int) time.Time {
		t.Helper()
		got, _ := h.node(node, at(now))
		return got
	}
	if got := heard(0); got != at(0) {
		t.Errorf("first seen at %s", got)
	}
	if got := heard(10); got != at(0) {
		t.Error("an old heartbeat counts again")
	}
	lease.Spec.RenewTime = ptr.To(metav1.NewMicroTime(at(-5000))) // the node's clock is slow
	h.lease(lease, at(20))
	if got := heard(21); got != at(20) {
		t.Errorf("after a renewal the node was heard at %s", got)
	}
	node.Status.Conditions[0].LastHeartbeatTime = metav1.NewTime(at(5))
	if got := heard(30); got != at(30) {
		t.Errorf("after a status update the node was heard at %s", got)
	}
	if !h.forget("n") || h.forget("n") {
		t.Error("forget does not say whether the node was known")
	}
}

func TestRate(t *testing.T) {
	settings := Settings{EvictionRate: 0.1, SecondaryEvictionRate: 0.01, UnhealthyZoneThreshold: 0.55, LargeClusterSize: 10}
	tests := []struct {
		name   string
		zones  map[string]zone
		want   float32
		halted bool
	}{
		{"one of three gone", map[string]zone{"a": {2, 1}}, 0.1, false},
		{"the only node gone", map[string]zone{"a": {0, 1}}, 0.1, true},
		{"all nodes of all zones gone", map[string]zone{"a": {0, 5}, "b": {0, 5}}, 0.1, true},
		{"all nodes of this zone gone, others fine", map[string]zone{"a": {0, 5}, "b": {5, 0}}, 0.1, false},
		{"most of a small zone gone", map[string]zone{"a": {2, 6}, "b": {5, 0}}, 0, false},
		{"most of a large zone gone", map[string]zone{"a": {4, 12}, "b": {5, 0}}, 0.01, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := rate(test.zones["a"], settings); got != test.want {
				t.Errorf("rate() = %v, want %v", got, test.want)
			}
			if got := halted(test.zones, settings); got != test.halted {
				t.Errorf("halted() = %t, want %t", got, test.halted)
			}
		})
	}
}

func TestGate(t *testing.T) {
	clock := testingclock.NewFakeClock(epoch)
	g := newGate(clock)
	if pass, _ := g.pass("a", 0.1, time.Second); !pass {
		t.Error("the first node may not pass")
	}
	if pass, wait := g.pass("a", 0.1, time.Second); pass || wait != 10*time.Second {
		t.Errorf("the second node passes: %t, or waits for %s", pass, wait)
	}
	if pass, _ := g.pass("b", 0.1, time.Second); !pass {
		t.Error("another zone is held back")
	}
	clock.Step(10 * time.Second)
	if pass, _ := g.pass("a", 0.1, time.Second); !pass {
		t.Error("after the interval the next node may not pass")
	}
	if pass, wait := g.pass("a", 0, time.Second); pass || wait != time.Second {
		t.Error("a rate of nothing lets a node pass")
	}
}
