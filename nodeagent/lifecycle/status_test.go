// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// summary says a status in a line: the phase, the conditions that are true, and each container.
func summary(s corev1.PodStatus) string {
	var out []string
	out = append(out, strings.TrimSpace(string(s.Phase)+" "+s.Reason))
	for _, c := range s.Conditions {
		if c.Status == corev1.ConditionTrue {
			out = append(out, string(c.Type))
		}
	}
	for _, list := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses} {
		for _, c := range list {
			text := c.Name + " " + inWords(c.State)
			if last := inWords(c.LastTerminationState); last != "" {
				text += " after " + last
			}
			if c.Ready {
				text += " ready"
			}
			if c.RestartCount > 0 {
				text += fmt.Sprintf(" x%d", c.RestartCount)
			}
			out = append(out, text)
		}
	}
	return strings.Join(out, ", ")
}

func inWords(s corev1.ContainerState) string {
	switch {
	case s.Running != nil:
		return "runs"
	case s.Waiting != nil:
		return s.Waiting.Reason
	case s.Terminated != nil:
		return fmt.Sprintf("%s(%d)", s.Terminated.Reason, s.Terminated.ExitCode)
	}
	return ""
}

func TestStatus(t *testing.T) {
	always, never := corev1.RestartPolicyAlways, corev1.RestartPolicyNever
	const all = "PodReadyToStartContainers, Initialized, Ready, ContainersReady, PodScheduled"
	for _, c := range []struct {
		name string
		seen Seen
		with func(*Seen)
		want string
	}{
		{name: "new", seen: seen(pod(always, "a"), runtime.State{}), want: "Pending, Initialized, PodScheduled, a ContainerCreating"},
		{name: "new, with init containers", seen: seen(withInit(pod(always, "a"), "i"), runtime.State{}),
			want: "Pending, PodScheduled, i PodInitializing, a PodInitializing"},
		{name: "initialising", seen: seen(withInit(pod(always, "a"), "i", "j"), state(exited("i", 0), running("j"))),
			want: "Pending, PodReadyToStartContainers, PodScheduled, i Completed(0) ready, j runs, a PodInitializing"},
		{name: "running", seen: seen(withInit(pod(always, "b", "a"), "i"), state(exited("i", 0), running("a"), running("b"))),
			want: "Running, " + all + ", i Completed(0) ready, a runs ready, b runs ready"},
		{name: "running, not ready", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) { s.Health = health{unready: map[string]bool{"a-0": true}} },
			want: "Running, PodReadyToStartContainers, Initialized, PodScheduled, a runs"},
		{name: "ready but for a gate", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) { s.Pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "gate"}} },
			want: "Running, PodReadyToStartContainers, Initialized, ContainersReady, PodScheduled, a runs ready"},
		{name: "with a gate that is open", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) {
				s.Pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "gate"}}
				s.Pod.Status.Conditions = []corev1.PodCondition{{Type: "gate", Status: corev1.ConditionTrue}}
			}, want: "Running, " + all + ", gate, a runs ready"},
		{name: "a container short", seen: seen(pod(always, "a", "b"), state(running("a"))),
			with: func(s *Seen) {
				s.Memory.Troubles = map[string]Trouble{"b": {Reason: Reason{Reason: "ErrImagePull"}, Retry: now.Add(time.Second)}}
			}, want: "Pending, PodReadyToStartContainers, Initialized, PodScheduled, a runs ready, b ErrImagePull"},
		{name: "crashing", seen: seen(pod(always, "a"), state(attempt(exited("a", 2), 3), attempt(exited("a", 1), 2))),
			want: "Running, PodReadyToStartContainers, Initialized, PodScheduled, a CrashLoopBackOff after Error(2) x3"},
		{name: "restarted", seen: seen(pod(always, "a"), state(attempt(running("a"), 1), exited("a", 1))),
			want: "Running, " + all + ", a runs after Error(1) ready x1"},
		{name: "succeeded", seen: seen(pod(never, "a", "b"), state(exited("a", 0), exited("b", 0))),
			want: "Succeeded, PodReadyToStartContainers, Initialized, PodScheduled, a Completed(0), b Completed(0)"},
		{name: "failed", seen: seen(pod(never, "a", "b"), state(exited("a", 0), exited("b", 1))),
			want: "Failed, PodReadyToStartContainers, Initialized, PodScheduled, a Completed(0), b Error(1)"},
		{name: "failed to initialise", seen: seen(withInit(pod(never, "a"), "i"), state(exited("i", 1))),
			want: "Failed, PodReadyToStartContainers, PodScheduled, i Error(1), a PodInitializing"},
		{name: "done, while its sidecar still runs", seen: seen(withSidecar(pod(never, "a"), "s"), state(exited("a", 0), running("s"))),
			want: "Running, PodReadyToStartContainers, Initialized, PodScheduled, s runs ready, a Completed(0)"},
		{name: "deleted, while it still runs", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) { s.Pod.DeletionTimestamp = &metav1.Time{Time: now} },
			want: "Running, " + all + ", a runs ready"},
		{name: "deleted and stopped", seen: seen(pod(always, "a"), state(exited("a", 143))),
			with: func(s *Seen) { s.Pod.DeletionTimestamp = &metav1.Time{Time: now} },
			want: "Failed, PodReadyToStartContainers, Initialized, PodScheduled, a Error(143)"},
		{name: "refused", seen: seen(pod(always, "a"), runtime.State{}),
			with: func(s *Seen) { s.Memory.Rejected = &Reason{"OutOfcpu", "too large"} },
			want: "Failed OutOfcpu, Initialized, PodScheduled, a ContainerCreating"},
		{name: "too late", seen: seen(pod(always, "a"), state(exited("a", 137))),
			with: func(s *Seen) { limit := int64(1); s.Pod.Spec.ActiveDeadlineSeconds = &limit },
			want: "Failed DeadlineExceeded, PodReadyToStartContainers, Initialized, PodScheduled, a Error(137)"},
		{name: "lost by the runtime", seen: seen(pod(always, "a"), runtime.State{}),
			with: func(s *Seen) {
				s.Pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "a", ContainerID: "containerd://x", RestartCount: 2,
					State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}}
			}, want: "Pending, Initialized, PodScheduled, a ContainerCreating after ContainerStatusUnknown(137) x2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.with != nil {
				c.with(&c.seen)
			}
			if got := summary(Status(c.seen, Make(c.seen))); got != c.want {
				t.Errorf("\n got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestStatusSaysWhereAndWhen(t *testing.T) {
	s := seen(pod(corev1.RestartPolicyAlways, "a"), state(running("a")))
	earlier := metav1.NewTime(t0)
	s.Pod.Status.Conditions = []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionTrue, LastTransitionTime: earlier},
		{Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: earlier},
		{Type: "theirs", Status: corev1.ConditionTrue, LastTransitionTime: earlier},
	}
	s.Memory.Messages = map[string]string{}
	status := Status(s, Make(s))
	if diff := cmp.Diff([]corev1.PodIP{{IP: "10.0.0.2"}}, status.PodIPs); diff != "" {
		t.Error(diff)
	}
	if status.HostIP != "192.0.2.1" || status.PodIP != "10.0.0.2" || status.ObservedGeneration != 3 || !status.StartTime.Equal(&earlier) {
		t.Errorf("status is %+v", status)
	}
	times := map[corev1.PodConditionType]time.Time{}
	for _, c := range status.Conditions {
		times[c.Type] = c.LastTransitionTime.Time
	}
	for kind, want := range map[corev1.PodConditionType]time.Time{
		corev1.PodScheduled: t0, "theirs": t0, corev1.PodReady: now, corev1.PodInitialized: now,
	} {
		if !times[kind].Equal(want) {
			t.Errorf("condition %s changed at %v, want %v", kind, times[kind], want)
		}
	}
	if id := status.ContainerStatuses[0].ContainerID; id != "containerd://a-0" {
		t.Errorf("container ID is %s", id)
	}
}

func TestStatusKeepsTheAddressOfAPodThatEnds(t *testing.T) {
	s := seen(pod(corev1.RestartPolicyNever, "a"), state(exited("a", 0)))
	s.State.Sandboxes[0].Ready = false
	s.Pod.Status.PodIPs = []corev1.PodIP{{IP: "10.0.0.9"}}
	if status := Status(s, Make(s)); status.PodIP != "10.0.0.9" {
		t.Errorf("address is %q", status.PodIP)
	}
}

// What others tell in the status is not the agent's to change: the API refuses it (NodeRestriction).
func TestStatusLeavesClaimsAlone(t *testing.T) {
	s := seen(pod(corev1.RestartPolicyAlways, "a"), state(running("a")))
	name := "a-gpu"
	want := corev1.PodStatus{
		NominatedNodeName:                    "n1",
		ResourceClaimStatuses:                []corev1.PodResourceClaimStatus{{Name: "gpu", ResourceClaimName: &name}},
		ExtendedResourceClaimStatus:          &corev1.PodExtendedResourceClaimStatus{ResourceClaimName: "a-extended"},
		NodeAllocatableResourceClaimStatuses: []corev1.NodeAllocatableResourceClaimStatus{{ResourceClaimName: name}},
	}
	s.Pod.Status = *want.DeepCopy()
	status := Status(s, Make(s))
	got := corev1.PodStatus{
		NominatedNodeName: status.NominatedNodeName, ResourceClaimStatuses: status.ResourceClaimStatuses,
		ExtendedResourceClaimStatus: status.ExtendedResourceClaimStatus, NodeAllocatableResourceClaimStatuses: status.NodeAllocatableResourceClaimStatuses,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestTerminationMessages(t *testing.T) {
	s := seen(pod(corev1.RestartPolicyNever, "a"), state(exited("a", 1)))
	s.Memory.Messages = map[string]string{"a-0": "farewell"}
	status := Status(s, Make(s))
	if got := status.ContainerStatuses[0].State.Terminated.Message; got != "farewell" {
		t.Errorf("message is %q", got)
	}
}
