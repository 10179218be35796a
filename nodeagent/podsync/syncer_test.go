// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

func TestLifeOfAPod(t *testing.T) {
	r := newRig()
	pod := newPod("a", "b")
	r.Set(pod)
	if result := r.sync(t); result.Again != 0 || result.Done {
		t.Errorf("a pod that runs needs nothing: %+v", result)
	}
	r.expect(t, "sandbox 0, create a-0, start a-0, create b-0, start b-0")
	r.sync(t)
	r.expect(t, "")

	r.runtime.exit("a-0", 1)
	r.sync(t)
	r.expect(t, "create a-1, start a-1")
	r.runtime.exit("a-1", 1)
	if result := r.sync(t); result.Again != 10*time.Second {
		t.Errorf("back-off: %+v", result)
	}
	r.expect(t, "")
	r.clock.Step(10 * time.Second)
	r.sync(t)
	r.expect(t, "create a-2, start a-2, remove a-0") // the run before the last is shown no more

	r.Set(deleted(pod, 5))
	if r.interrupted != 1 {
		t.Errorf("interrupted %d times", r.interrupted)
	}
	r.sync(t)
	calls := r.runtime.calls()
	if calls != "stop a-2 5s, stop b-0 5s, stop-sandbox s0" && calls != "stop b-0 5s, stop a-2 5s, stop-sandbox s0" {
		t.Errorf("asked for %q", calls)
	}
	if !r.api.removed {
		t.Error("the pod stays in the API")
	}
	r.Gone("u")
	if result := r.sync(t); !result.Done {
		t.Errorf("not done: %+v", result)
	}
	r.expect(t, "remove a-2, remove a-1, remove b-0, remove-sandbox s0")
	if diff := cmp.Diff([]string{"clean", "remove"}, r.hook.asked[len(r.hook.asked)-2:]); diff != "" {
		t.Error(diff)
	}
	if r.Known("u") || len(r.config.Store.List()) != 0 {
		t.Error("the pod is still known")
	}
	if got := slices.Compact(r.api.phases); !slices.Equal(got, []corev1.PodPhase{corev1.PodPending, corev1.PodRunning, corev1.PodFailed}) {
		t.Errorf("phases were %v", got)
	}
}

func TestAgentThatFindsItsPodsStartsNothing(t *testing.T) {
	before := newRig()
	before.Set(newPod("a"))
	before.sync(t)
	after := newRig()
	after.runtime.state = before.runtime.state
	after.hook.refuse = &lifecycle.Reason{Reason: "OutOfcpu"} // would be refused, were it new
	after.Set(newPod("a"))
	after.sync(t)
	after.expect(t, "")
}

func TestShorterGraceInterruptsALongerOne(t *testing.T) {
	r := newRig()
	pod := newPod("a")
	r.Set(pod)
	r.sync(t)
	r.runtime.calls()
	r.runtime.stubborn = time.Second
	r.Set(deleted(pod, 30))
	ctx, interrupt := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.Sync(ctx, "u")
	}()
	<-r.runtime.stopping
	r.Set(deleted(pod, 1))
	if r.interrupted != 2 {
		t.Fatalf("interrupted %d times", r.interrupted)
	}
	interrupt() // what the worker does
	<-done
	r.sync(t)
	r.expect(t, "stop a-0 30s, stop a-0 1s, stop-sandbox s0")
}

func TestRefusedPod(t *testing.T) {
	r := newRig()
	r.hook.refuse = &lifecycle.Reason{Reason: "OutOfcpu", Message: "too large"}
	r.Set(newPod("a"))
	r.sync(t)
	r.expect(t, "")
	if got := r.config.Store.ByUID("u").Status; got.Phase != corev1.PodFailed || got.Reason != "OutOfcpu" {
		t.Errorf("status is %+v", got)
	}
}

func TestTrouble(t *testing.T) {
	for _, c := range []struct {
		name   string
		with   func(*rig)
		reason string
	}{
		{"a container that can't be configured", func(r *rig) { r.hook.fail = errors.New("no such ConfigMap") }, "CreateContainerConfigError"},
		{"a container that can't be made", func(r *rig) { r.runtime.fail["create"] = errors.New("no") }, "CreateContainerError"},
		{"a container that can't be started", func(r *rig) { r.runtime.fail["start"] = errors.New("no") }, "RunContainerError"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig()
			c.with(r)
			r.Set(newPod("a"))
			result := r.sync(t)
			waiting := r.config.Store.ByUID("u").Status.ContainerStatuses[0].State.Waiting
			if waiting == nil || waiting.Reason != c.reason {
				t.Fatalf("waits for %+v, want %s", waiting, c.reason)
			}
			if result.Again <= 0 || result.Again > 10*time.Second {
				t.Errorf("tries again in %v", result.Again)
			}
			r.runtime.fail, r.hook.fail = map[string]error{}, nil
			r.clock.Step(result.Again)
			r.sync(t)
			if status := r.config.Store.ByUID("u").Status; status.Phase != corev1.PodRunning {
				t.Errorf("afterwards: %+v", status)
			}
		})
	}
}

func TestSandboxThatFailsIsTriedAgainLaterAndLater(t *testing.T) {
	r := newRig()
	r.runtime.fail["sandbox"] = errors.New("no network")
	r.Set(newPod("a"))
	var waits []time.Duration
	for range 4 {
		waits = append(waits, r.sync(t).Again)
	}
	if diff := cmp.Diff([]time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second}, waits); diff != "" {
		t.Error(diff)
	}
	if !slices.Contains(r.api.reasons, "FailedCreatePodSandBox") {
		t.Errorf("events were %v", r.api.reasons)
	}
}

func TestBackOffIsAnnouncedOnce(t *testing.T) {
	r := newRig()
	r.Set(newPod("a"))
	r.sync(t)
	told := func() (n int) {
		for _, reason := range r.api.reasons {
			if reason == "BackOff" {
				n++
			}
		}
		return n
	}
	for crash := range 3 {
		for _, c := range r.runtime.state.Containers {
			if c.Phase == runtime.Running {
				r.runtime.exit(c.ID, 1)
			}
		}
		result := r.sync(t)
		r.sync(t)
		if told() != crash { // the first restart is at once
			t.Fatalf("after crash %d events were %v", crash+1, r.api.reasons)
		}
		r.clock.Step(result.Again)
		r.sync(t)
	}
}

func TestOrphanLeavesNothing(t *testing.T) {
	before := newRig()
	before.Set(newPod("a"))
	before.sync(t)
	r := newRig()
	r.runtime.state = before.runtime.state
	r.Orphan(newPod())
	if result := r.sync(t); !result.Done {
		t.Errorf("not done: %+v", result)
	}
	r.expect(t, "stop a-0 30s, stop-sandbox s0, remove a-0, remove-sandbox s0")
	if len(r.api.phases) > 0 || r.api.removed {
		t.Error("the API was told of a pod that it does not have")
	}
}

func TestEndedPodKeepsItsContainersUntilItIsDeleted(t *testing.T) {
	r := newRig()
	pod := newPod("a")
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	r.Set(pod)
	r.sync(t)
	r.runtime.calls()
	r.runtime.exit("a-0", 0)
	r.sync(t)
	r.expect(t, "stop-sandbox s0")
	if got := r.config.Store.ByUID("u").Status.Phase; got != corev1.PodSucceeded {
		t.Errorf("phase is %s", got)
	}
	r.sync(t)
	r.expect(t, "")
	if r.api.removed {
		t.Error("removed without having been deleted")
	}
}

func TestUnknownPodIsDone(t *testing.T) {
	if result := newRig().Sync(t.Context(), types.UID("nobody")); !result.Done {
		t.Error("not done")
	}
}
