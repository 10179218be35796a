// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	testclock "k8s.io/utils/clock/testing"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// policy wakes pods up for events whose label names a plugin that rejected them.
type policy struct{}

func (policy) Less(a, b framework.Queued) bool {
	if a.Priority() != b.Priority() {
		return a.Priority() > b.Priority()
	}
	return a.Since() < b.Since()
}

func (policy) Gate(pod *cache.Pod) *framework.Rejection {
	if len(pod.Object.Spec.SchedulingGates) > 0 {
		return framework.RejectForGood("Gates", "gated")
	}
	return nil
}

func (policy) Differs(old, new *cache.Pod) bool {
	return old.Object.Labels["shape"] != new.Object.Labels["shape"]
}

func (policy) Helps(_ *cache.Pod, rejectedBy []string, event framework.Event) bool {
	return event.Resource == framework.Anything || slices.Contains(rejectedBy, event.Label)
}

type fixture struct {
	*Queue
	t     *testing.T
	clock *testclock.FakeClock
}

func newFixture(t *testing.T) *fixture {
	clock := testclock.NewFakeClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return &fixture{Queue: New(Config{Policy: policy{}, Clock: clock}), t: t, clock: clock}
}

func pod(name string, change ...func(*corev1.Pod)) *cache.Pod {
	obj := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name), Labels: map[string]string{}}}
	for _, f := range change {
		f(obj)
	}
	return cache.NewPod(obj, cache.NewResources())
}

func priority(n int32) func(*corev1.Pod) {
	return func(p *corev1.Pod) { p.Spec.Priority = &n }
}

func shape(s string) func(*corev1.Pod) { return func(p *corev1.Pod) { p.Labels["shape"] = s } }

func gate(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "wait"}} }

// pop takes the next item, which has to be there.
func (f *fixture) pop(want string) *Item {
	f.t.Helper()
	item, wait := f.Next()
	if item == nil {
		f.t.Fatalf("nothing to pop, wait %s; want %s", wait, want)
	}
	if item.Pod.Object.Name != want {
		f.t.Fatalf("popped %s, want %s", item.Pod.Object.Name, want)
	}
	return item
}

func (f *fixture) empty() {
	f.t.Helper()
	if item, _ := f.Next(); item != nil {
		f.t.Fatalf("popped %s, want nothing", item.Pod.Object.Name)
	}
}

func happened(plugin string) framework.Event { return framework.Event{Label: plugin} }

func TestOrderIsByPriorityThenByTime(t *testing.T) {
	f := newFixture(t)
	for _, p := range []*cache.Pod{pod("late-low"), pod("high", priority(9)), pod("low", priority(-1)), pod("early-high", priority(9))} {
		f.Set(p)
		f.clock.Step(time.Millisecond)
	}
	for _, want := range []string{"high", "early-high", "late-low", "low"} {
		f.Done(f.pop(want))
	}
	f.empty()
	if diff := cmp.Diff(Counts{}, f.Counts()); diff != "" {
		t.Error(diff)
	}
}

func TestAPodPutAsideIsWokenUpByWhatHelps(t *testing.T) {
	f := newFixture(t)
	f.Set(pod("p"))
	f.Failed(f.pop("p"), []string{"Fit"})
	f.Happened(happened("Taints"))
	f.empty()
	f.Happened(happened("Fit"))
	item := f.pop("p") // nothing else to do, so it need not wait its time out
	if item.Attempts != 2 {
		t.Errorf("this is attempt %d", item.Attempts)
	}
}

func TestAPodThatWasWokenUpLetsOthersGoFirst(t *testing.T) {
	f := newFixture(t)
	f.Set(pod("p", priority(100)))
	f.Failed(f.pop("p"), []string{"Fit"})
	f.Happened(happened("Fit"))
	f.Set(pod("other"))
	f.pop("other")
	f.pop("p")
}

func TestBackoffDoublesUpToItsMaximum(t *testing.T) {
	f := newFixture(t)
	f.Set(pod("p"))
	for _, wait := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 10 * time.Second, 10 * time.Second} {
		f.Retry(f.pop("p"))
		f.clock.Step(wait - time.Millisecond)
		f.empty()
		f.clock.Step(time.Millisecond)
	}
	f.pop("p")
}

func TestEventsDuringAFlightAreNotMissed(t *testing.T) {
	f := newFixture(t)
	f.Set(pod("p"))
	f.Set(pod("q"))
	before := happened("Fit")
	f.Happened(before)
	p := f.pop("p")
	f.Happened(happened("Taints"))
	q := f.pop("q")
	f.Failed(p, []string{"Taints"})
	f.Failed(q, []string{"Taints"}) // took off after the event
	if diff := cmp.Diff(Counts{Backoff: 1, Unschedulable: 1}, f.Counts()); diff != "" {
		t.Error(diff)
	}
	f.pop("p")
}

func TestEventsAreForgottenOnceNobodyNeedsThem(t *testing.T) {
	f := newFixture(t)
	f.Set(pod("long"))
	long := f.pop("long")
	for i := range 3000 {
		name := fmt.Sprint(i)
		f.Happened(happened("Fit"))
		f.Set(pod(name))
		f.Done(f.pop(name))
	}
	if len(f.events) != 3000 {
		t.Errorf("the long flight has to know all 3000 events, %d are kept", len(f.events))
	}
	f.Set(pod("next"))
	next := f.pop("next")
	f.Done(long)
	if len(f.events) > 10 {
		t.Errorf("%d events are kept for a flight that took off after them", len(f.events))
	}
	f.Failed(next, []string{"Fit"})
	if f.Counts().Unschedulable != 1 || len(f.events) != 0 {
		t.Errorf("counts %+v, %d events", f.Counts(), len(f.events))
	}
}

func TestAChangedPodIsTriedAgain(t *testing.T) {
	f := newFixture(t)
	f.Set(pod("p", shape("a")))
	f.Failed(f.pop("p"), []string{"Fit"})
	f.Set(pod("p", shape("a"))) // a status update, say
	f.empty()
	f.Set(pod("p", shape("b")))
	f.Failed(f.pop("p"), []string{"Fit"})

	f.Happened(framework.Event{Resource: framework.Anything})
	item := f.pop("p")
	f.Set(pod("p", shape("c"))) // while it is being decided about
	f.Failed(item, []string{"Fit"})
	if got := f.pop("p").Pod.Object.Labels["shape"]; got != "c" {
		t.Errorf("the version tried is %s", got)
	}
}

func TestPodsThatGoAwayAreForgotten(t *testing.T) {
	for name, prepare := range map[string]func(f *fixture){
		"active":        func(*fixture) {},
		"unschedulable": func(f *fixture) { f.Failed(f.pop("p"), []string{"Fit"}) },
		"backoff":       func(f *fixture) { f.Failed(f.pop("p"), []string{"Fit"}); f.Happened(happened("Fit")) },
		"after error":   func(f *fixture) { f.Retry(f.pop("p")) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.Set(pod("p"))
			prepare(f)
			f.Remove("p")
			f.clock.Step(time.Hour)
			f.empty()
			if diff := cmp.Diff(Counts{}, f.Counts()); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, back := range map[string]func(f *fixture, item *Item){
		"failed": func(f *fixture, item *Item) { f.Failed(item, nil) },
		"error":  func(f *fixture, item *Item) { f.Retry(item) },
		"bound":  func(f *fixture, item *Item) { f.Done(item) },
	} {
		t.Run("in flight, then "+name, func(t *testing.T) {
			f := newFixture(t)
			f.Set(pod("p"))
			item := f.pop("p")
			f.Remove("p")
			back(f, item)
			f.clock.Step(time.Hour)
			f.empty()
		})
	}
}

func TestGates(t *testing.T) {
	f := newFixture(t)
	f.Set(pod("p", gate))
	f.Happened(framework.Event{Resource: framework.Anything})
	f.clock.Step(time.Hour)
	f.empty()
	f.Set(pod("p"))
	if item := f.pop("p"); !item.Added.Equal(f.clock.Now()) {
		t.Errorf("time spent behind the gate counts: waiting since %s", item.Added)
	}
}

func TestNothingStaysAsideForEver(t *testing.T) {
	f := newFixture(t)
	f.Set(pod("p"))
	f.Failed(f.pop("p"), []string{"Fit"})
	f.clock.Step(maxAside - time.Second)
	f.empty()
	f.clock.Step(sweepEvery)
	f.pop("p")
}

func TestRetainDropsPodsOfOthers(t *testing.T) {
	f := newFixture(t)
	f.Set(pod("mine"))
	f.Set(pod("other"))
	f.Retain(func(p *cache.Pod) bool { return p.Object.Name == "mine" })
	f.pop("mine")
	f.empty()
}

func TestPopWaitsForSomethingToDo(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	popped := make(chan *Item)
	go func() {
		for {
			item, ok := f.Pop(ctx)
			if !ok {
				close(popped)
				return
			}
			popped <- item
		}
	}()
	f.Set(pod("p"))
	item := <-popped
	f.Retry(item)
	deadline := time.After(10 * time.Second)
	for tick := time.Tick(time.Millisecond); !f.clock.HasWaiters(); {
		select {
		case <-tick:
		case <-deadline:
			t.Fatal("nobody waits for the clock")
		}
	}
	for again := false; !again; {
		f.clock.Step(time.Second)
		select {
		case <-popped:
			again = true
		case <-deadline:
			t.Fatal("a pod whose backoff is over is not popped")
		case <-time.After(10 * time.Millisecond):
		}
	}
	cancel()
	if _, open := <-popped; open {
		t.Error("Pop returns an item after its context ended")
	}
}
