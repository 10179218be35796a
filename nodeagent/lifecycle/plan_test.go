// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// brief says a plan in a line, so that cases read as sentences.
func brief(p Plan) string {
	var out []string
	if p.End != nil {
		text := fmt.Sprintf("end in %v", p.End.Grace)
		if p.End.Reason.Reason != "" {
			text += " because " + p.End.Reason.Reason
		}
		if p.End.Delete {
			text += " and delete"
		}
		out = append(out, text)
	}
	if p.Sandbox != nil {
		out = append(out, strings.TrimSpace(fmt.Sprintf("sandbox %d %s", p.Sandbox.Attempt, p.Sandbox.Replaces)))
	}
	for _, k := range p.Kill {
		out = append(out, fmt.Sprintf("kill %s in %v", k.ContainerID, k.Grace))
	}
	for _, s := range p.Start {
		out = append(out, fmt.Sprintf("start %s.%d", s.Container.Name, s.Attempt))
	}
	var waiting []string
	for name, w := range p.Waiting {
		waiting = append(waiting, fmt.Sprintf("%s: %s", name, w.Reason.Reason))
	}
	slices.Sort(waiting)
	out = append(out, waiting...)
	if p.Recheck > 0 {
		out = append(out, "again in "+p.Recheck.String())
	}
	return strings.Join(out, ", ")
}

func TestPlan(t *testing.T) {
	always, never, onFailure := corev1.RestartPolicyAlways, corev1.RestartPolicyNever, corev1.RestartPolicyOnFailure
	for _, c := range []struct {
		name string
		seen Seen
		with func(*Seen)
		want string
	}{
		{name: "a new pod needs a sandbox", seen: seen(pod(always, "a"), runtime.State{}), want: "sandbox 0"},
		{name: "a sandbox that can't be made is tried again later", seen: seen(pod(always, "a"), runtime.State{}),
			with: func(s *Seen) { s.Memory.SandboxTrouble = now.Add(3 * time.Second) }, want: "again in 3s"},
		{name: "then all containers", seen: seen(pod(always, "a", "b"), state()), want: "start a.0, start b.0"},
		{name: "then nothing", seen: seen(pod(always, "a", "b"), state(running("a"), running("b"))), want: ""},
		{name: "init containers come first, one at a time", seen: seen(withInit(pod(always, "a"), "i", "j"), state()), want: "start i.0"},
		{name: "and are waited for", seen: seen(withInit(pod(always, "a"), "i", "j"), state(running("i"))), want: ""},
		{name: "then the next", seen: seen(withInit(pod(always, "a"), "i", "j"), state(exited("i", 0))), want: "start j.0"},
		{name: "then the main ones", seen: seen(withInit(pod(always, "a"), "i"), state(exited("i", 0))), want: "start a.0"},
		{name: "an init container that fails is run again", seen: seen(withInit(pod(always, "a"), "i"), state(exited("i", 1))), want: "start i.1"},
		{name: "unless nothing is ever restarted", seen: seen(withInit(pod(never, "a"), "i"), state(exited("i", 1))), want: "end in 30s"},
		{name: "a sidecar is started and the next waits until it has", seen: seen(withSidecar(pod(always, "a"), "s"), state(running("s"))),
			with: func(s *Seen) { s.Health = health{unstarted: map[string]bool{"s-0": true}} }, want: ""},
		{name: "and then goes on beside it", seen: seen(withSidecar(pod(always, "a"), "s"), state(running("s"))), want: "start a.0"},
		{name: "a sidecar that ends is restarted even where nothing else is", seen: seen(withSidecar(pod(never, "a"), "s"), state(running("a"), exited("s", 0))), want: "start s.1"},
		{name: "a sidecar does not keep a pod whose work is done", seen: seen(withSidecar(pod(never, "a"), "s"), state(exited("a", 0), running("s"))), want: "end in 30s"},
		{name: "a container that ends is restarted at once the first time", seen: seen(pod(always, "a"), state(exited("a", 0))), want: "start a.1"},
		{name: "and with back-off after that", seen: seen(pod(always, "a"), state(attempt(exited("a", 1), 1))),
			with: func(s *Seen) { s.Memory.Crashes = map[string]int{"a": 1} }, want: "a: CrashLoopBackOff, again in 10s"},
		{name: "doubling", seen: seen(pod(always, "a"), state(attempt(exited("a", 1), 4))),
			with: func(s *Seen) { s.Memory.Crashes = map[string]int{"a": 4} }, want: "a: CrashLoopBackOff, again in 1m20s"},
		{name: "to five minutes", seen: seen(pod(always, "a"), state(attempt(exited("a", 1), 9))), want: "a: CrashLoopBackOff, again in 5m0s"},
		{name: "and is started when it has passed", seen: seen(pod(always, "a"), state(attempt(exited("a", 1), 1))),
			with: func(s *Seen) { s.Now = now.Add(10 * time.Second) }, want: "start a.2"},
		{name: "one that ran long is forgiven", seen: seen(pod(always, "a"), state(attempt(exited("a", 1), 5))),
			with: func(s *Seen) { s.Memory.Crashes = map[string]int{"a": 0} }, want: "start a.6"},
		{name: "on failure only failures are restarted", seen: seen(pod(onFailure, "a", "b"), state(exited("a", 0), exited("b", 1))), want: "start b.1"},
		{name: "all containers done is the end", seen: seen(pod(never, "a", "b"), state(exited("a", 0), exited("b", 1))), want: "end in 30s"},
		{name: "a container may have a policy of its own", seen: seen(pod(never, "a", "b"), state(exited("a", 1), running("b"))),
			with: func(s *Seen) {
				own := corev1.ContainerRestartPolicyAlways
				s.Pod.Spec.Containers[0].RestartPolicy = &own
			}, want: "start a.1"},
		{name: "or be restarted for some exit codes", seen: seen(pod(never, "a", "b"), state(exited("a", 42), running("b"))),
			with: func(s *Seen) {
				s.Pod.Spec.Containers[0].RestartPolicyRules = []corev1.ContainerRestartRule{{Action: corev1.ContainerRestartRuleActionRestart,
					ExitCodes: &corev1.ContainerRestartRuleOnExitCodes{Operator: corev1.ContainerRestartRuleOnExitCodesOpIn, Values: []int32{42}}}}
			}, want: "start a.1"},
		{name: "one that was made but never started is made anew", seen: seen(pod(always, "a"), state(func() runtime.Container {
			c := running("a")
			c.Phase = runtime.Created
			return c
		}())), want: "start a.1"},
		{name: "a failed liveness probe kills, before anything is started", seen: seen(pod(always, "a", "b"), state(running("a"))),
			with: func(s *Seen) { s.Health = health{failed: map[string]*Failure{"a-0": {Probe: "liveness"}}} }, want: "kill a-0 in 30s"},
		{name: "with the probe's own grace", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) {
				grace := int64(5)
				s.Health = health{failed: map[string]*Failure{"a-0": {Probe: "liveness", Grace: &grace}}}
			}, want: "kill a-0 in 5s"},
		{name: "a new image restarts", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) { s.Pod.Spec.Containers[0].Image = "other" }, want: "kill a-0 in 30s"},
		{name: "a dead sandbox is replaced", seen: seen(pod(always, "a"), state(exited("a", 137))),
			with: func(s *Seen) { s.State.Sandboxes[0].Ready = false }, want: "sandbox 1 s0"},
		{name: "and its containers begin again", seen: seen(withInit(pod(always, "a"), "i"), state(exited("a", 137), exited("i", 0))),
			with: func(s *Seen) {
				s.State.Sandboxes = append([]runtime.Sandbox{{ID: "s1", Attempt: 1, Ready: true}}, s.State.Sandboxes...)
			}, want: "start i.1"},
		{name: "but for those that had succeeded", seen: seen(pod(onFailure, "a", "b"), state(exited("a", 0), exited("b", 137))),
			with: func(s *Seen) {
				s.State.Sandboxes = append([]runtime.Sandbox{{ID: "s1", Attempt: 1, Ready: true}}, s.State.Sandboxes...)
			}, want: "start b.1"},
		{name: "trouble is waited out", seen: seen(pod(always, "a", "b"), state()),
			with: func(s *Seen) {
				s.Memory.Troubles = map[string]Trouble{"a": {Retry: now.Add(7 * time.Second)}}
			}, want: "start b.0, again in 7s"},
		{name: "a run that the runtime forgot still counts", seen: seen(pod(always, "a"), state()),
			with: func(s *Seen) {
				s.Pod.Status.ContainerStatuses = []corev1.ContainerStatus{{Name: "a", RestartCount: 4, ContainerID: "containerd://gone"}}
			}, want: "start a.5"},
		{name: "an ephemeral container is started once", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) {
				s.Pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}}
			}, want: "start debug.0"},
		{name: "and never again", seen: seen(pod(always, "a"), state(running("a"), exited("debug", 1))),
			with: func(s *Seen) {
				s.Pod.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{Name: "debug"}}}
			}, want: ""},
		{name: "a deleted pod ends with the deleter's grace", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) {
				grace := int64(7)
				s.Pod.DeletionTimestamp, s.Pod.DeletionGracePeriodSeconds = &metav1.Time{Time: now}, &grace
			}, want: "end in 7s and delete"},
		{name: "one that the API no longer has just ends", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) { s.Gone = true }, want: "end in 30s"},
		{name: "one that took too long fails", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) { limit := int64(60); s.Pod.Spec.ActiveDeadlineSeconds = &limit }, want: "end in 30s because DeadlineExceeded"},
		{name: "or will in time", seen: seen(pod(always, "a"), state(running("a"))),
			with: func(s *Seen) { limit := int64(90); s.Pod.Spec.ActiveDeadlineSeconds = &limit }, want: "again in 30s"},
		{name: "a refused pod ends without having begun", seen: seen(pod(always, "a"), runtime.State{}),
			with: func(s *Seen) { s.Memory.Rejected = &Reason{"OutOfcpu", "no"} }, want: "end in 30s because OutOfcpu"},
		{name: "a pod that ended stays so", seen: seen(pod(always, "a"), runtime.State{}),
			with: func(s *Seen) { s.Pod.Status.Phase = corev1.PodFailed }, want: "end in 30s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.with != nil {
				c.with(&c.seen)
			}
			if got := brief(Make(c.seen)); got != c.want {
				t.Errorf("planned %q, want %q", got, c.want)
			}
		})
	}
}

func TestDelay(t *testing.T) {
	for crashes, want := range []time.Duration{0, 10 * time.Second, 20 * time.Second, 40 * time.Second, 80 * time.Second, 160 * time.Second, 5 * time.Minute, 5 * time.Minute} {
		if got := Delay(crashes); got != want {
			t.Errorf("after %d crashes: %v, want %v", crashes, got, want)
		}
	}
}

func TestCrashesAfter(t *testing.T) {
	long := exited("a", 1)
	long.Started = long.Finished.Add(-forgiven)
	for name, c := range map[string]struct {
		previous *runtime.Container
		want     int
	}{
		"the first run":          {nil, 0},
		"after a short run":      {ptr(exited("a", 1)), 1},
		"after several":          {ptr(attempt(exited("a", 1), 4)), 5},
		"after a long good time": {&long, 0},
	} {
		s := seen(pod(corev1.RestartPolicyAlways, "a"), state())
		if got := s.CrashesAfter(c.previous); got != c.want {
			t.Errorf("%s: %d, want %d", name, got, c.want)
		}
	}
}

func ptr[T any](v T) *T { return &v }
