// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package simulated

import (
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// runtimeName is the prefix of container IDs.
const runtimeName = "simulated"

// simulation is what a runtime and an agent would know of a pod.
type simulation struct {
	state  runtime.State
	memory lifecycle.Memory
	// stopping is when the containers were asked to end; zero before.
	stopping time.Time
}

// surroundings of a pod.
type surroundings struct {
	now        time.Time
	startDelay time.Duration
	hostIPs    []string
	// address gives the pod an address, the same each time.
	address func() []string
}

// outcome of advancing a pod.
type outcome struct {
	status corev1.PodStatus
	// remove tells that the pod has ended and the API waits for its node to remove it.
	remove bool
	// next is when something happens by itself; zero means never.
	next time.Duration
}

// maxSteps is more than a pod could take at one moment.
const maxSteps = 1000

// advance brings a pod to where it is now. pod.Status is what was last computed for it.
func advance(pod *corev1.Pod, s *simulation, around surroundings) outcome {
	will := behaviourOf(pod)
	for range maxSteps {
		next := s.settle(pod, will, around.now)
		seen := lifecycle.Seen{
			Pod: pod, State: s.state, Health: healthy{}, Memory: s.memory, Now: around.now,
			Node: lifecycle.Node{HostIPs: around.hostIPs, Runtime: runtimeName},
		}
		plan := lifecycle.Make(seen)
		wait := func(until ...time.Time) outcome {
			for _, at := range until {
				next = sooner(next, at.Sub(around.now))
			}
			return outcome{status: lifecycle.Status(seen, plan), next: sooner(next, plan.Recheck)}
		}
		switch {
		case plan.End != nil && s.state.Running():
			if s.stopping.IsZero() {
				s.stopping = around.now
			}
			kill := s.stopping.Add(plan.End.Grace)
			end := s.stopping.Add(will.stop)
			if around.now.Before(end) && around.now.Before(kill) {
				return wait(end, kill)
			}
			s.stop(around.now, end.After(kill))
		case plan.End != nil:
			seen.Pod = withAddress(pod, s.state.Sandbox())
			for i := range s.state.Sandboxes {
				s.state.Sandboxes[i].Ready = false
			}
			return outcome{status: lifecycle.Status(seen, plan), remove: plan.End.Delete}
		case plan.Sandbox != nil:
			if at := s.memory.Accepted.Add(around.startDelay); around.now.Before(at) {
				return wait(at)
			}
			s.startSandbox(pod, plan.Sandbox, around)
		case len(plan.Kill) > 0:
			for _, kill := range plan.Kill {
				s.exit(kill.ContainerID, 0, around.now)
			}
		case len(plan.Start) > 0:
			s.start(&seen, plan.Start, around.now)
		default:
			return wait()
		}
	}
	// A duration of zero and a restart policy of Always would never come to rest; the next moment is soon enough.
	seen := lifecycle.Seen{Pod: pod, State: s.state, Health: healthy{}, Memory: s.memory, Now: around.now, Node: lifecycle.Node{HostIPs: around.hostIPs, Runtime: runtimeName}}
	return outcome{status: lifecycle.Status(seen, lifecycle.Make(seen)), next: time.Second}
}

// withAddress is a pod that ended before anybody was told which address it had.
func withAddress(pod *corev1.Pod, sandbox *runtime.Sandbox) *corev1.Pod {
	if sandbox == nil || len(pod.Status.PodIPs) > 0 {
		return pod
	}
	told := *pod
	for _, ip := range sandbox.IPs {
		told.Status.PodIPs = append(told.Status.PodIPs, corev1.PodIP{IP: ip})
	}
	return &told
}

// behaviour of a pod's containers.
type behaviour struct {
	// duration of a container that ends by itself; negative means never.
	duration time.Duration
	exitCode int32
	stop     time.Duration
}

// behaviourOf reads a pod's annotations. One that can't be read counts as missing.
func behaviourOf(pod *corev1.Pod) behaviour {
	b := behaviour{duration: -1}
	if d, err := time.ParseDuration(pod.Annotations[DurationAnnotation]); err == nil && d >= 0 {
		b.duration = d
	}
	if d, err := time.ParseDuration(pod.Annotations[StopAnnotation]); err == nil && d >= 0 {
		b.stop = d
	}
	if code, err := strconv.ParseInt(pod.Annotations[ExitCodeAnnotation], 10, 32); err == nil {
		b.exitCode = int32(code)
	}
	return b
}

// settle ends the containers whose time has come, and returns when the next one's comes.
func (s *simulation) settle(pod *corev1.Pod, will behaviour, now time.Time) (next time.Duration) {
	init := map[string]bool{}
	for i := range pod.Spec.InitContainers {
		init[pod.Spec.InitContainers[i].Name] = !lifecycle.IsSidecar(&pod.Spec.InitContainers[i])
	}
	sidecar := func(name string) bool { once, is := init[name]; return is && !once }
	for i := range s.state.Containers {
		c := &s.state.Containers[i]
		if c.Phase != runtime.Running || sidecar(c.Name) {
			continue
		}
		duration, code := will.duration, will.exitCode
		if init[c.Name] {
			duration, code = 0, 0 // they prepare something that is not there
		}
		if duration < 0 {
			continue
		}
		if end := c.Started.Add(duration); now.Before(end) {
			next = sooner(next, end.Sub(now))
		} else {
			s.exit(c.ID, code, end)
		}
	}
	return next
}

func (s *simulation) exit(id string, code int32, at time.Time) {
	for i := range s.state.Containers {
		c := &s.state.Containers[i]
		if c.ID == id && c.Phase == runtime.Running {
			c.Phase, c.ExitCode, c.Finished, c.Reason = runtime.Exited, code, at, "Completed"
			if code != 0 {
				c.Reason = "Error"
			}
		}
	}
}

// stop ends all containers, by force when they did not end in time.
func (s *simulation) stop(now time.Time, force bool) {
	code := int32(0)
	if force {
		code = 137
	}
	for i := range s.state.Containers {
		s.exit(s.state.Containers[i].ID, code, now)
	}
}

func (s *simulation) startSandbox(pod *corev1.Pod, plan *lifecycle.Sandbox, around surroundings) {
	sandbox := runtime.Sandbox{ID: sandboxID(pod, plan.Attempt), Attempt: plan.Attempt, Ready: true, Created: around.now}
	if !pod.Spec.HostNetwork {
		sandbox.IPs = around.address()
	}
	s.state.Sandboxes = append([]runtime.Sandbox{sandbox}, s.state.Sandboxes...)
}

func (s *simulation) start(seen *lifecycle.Seen, plan []lifecycle.Start, now time.Time) {
	for _, start := range plan {
		c := start.Container
		if s.memory.Crashes == nil {
			s.memory.Crashes = map[string]int{}
		}
		s.memory.Crashes[c.Name] = seen.CrashesAfter(start.Previous)
		run := runtime.Container{
			ID: containerID(seen.Pod, c.Name, start.Attempt), Name: c.Name, SandboxID: s.state.Sandboxes[0].ID, Attempt: start.Attempt,
			Phase: runtime.Running, Created: now, Started: now, Image: c.Image, ImageRef: c.Image,
			Annotations: map[string]string{runtime.AnnotationHash: lifecycle.Hash(c)},
		}
		// Of earlier runs only the last is ever looked at.
		kept := []runtime.Container{run}
		for i := range s.state.Containers {
			if old := s.state.Containers[i]; old.Name != c.Name || start.Previous != nil && old.ID == start.Previous.ID {
				kept = append(kept, old)
			}
		}
		s.state.Containers = kept
	}
}

func sandboxID(pod *corev1.Pod, attempt uint32) string { return fmt.Sprintf("%s-%d", pod.UID, attempt) }

func containerID(pod *corev1.Pod, name string, attempt uint32) string {
	return fmt.Sprintf("%s-%s-%d", pod.UID, name, attempt)
}

// sooner of two waits; zero means never, and what is overdue is due at once.
func sooner(a, b time.Duration) time.Duration {
	switch {
	case b == 0:
		return a
	case a == 0 || b < a:
		return max(b, time.Millisecond)
	}
	return a
}

// healthy is what probes find in containers that do not exist.
type healthy struct{}

// Started implements lifecycle.Health.
func (healthy) Started(string) bool { return true }

// Ready implements lifecycle.Health.
func (healthy) Ready(string) bool { return true }

// Failed implements lifecycle.Health.
func (healthy) Failed(string) *lifecycle.Failure { return nil }
