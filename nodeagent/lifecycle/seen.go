// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// Seen is one observation of a pod.
type Seen struct {
	// Pod is the newest desired state. Its Status is the one last written, and is read for what only it knows:
	// transition times, conditions of others, restart counts of containers that are gone.
	Pod    *corev1.Pod
	State  runtime.State
	Health Health
	Memory Memory
	// Gone tells that the API has no such pod any longer.
	Gone bool
	// Node is what a status says about the node.
	Node Node
	Now  time.Time
}

// Node is the part of a pod's status that its node decides.
type Node struct {
	HostIPs []string
	// Runtime is its name, the prefix of container IDs.
	Runtime string
}

// Health is what probes found, by container ID.
type Health interface {
	// Started is true once the container passed its startup probe, or has none.
	Started(containerID string) bool
	// Ready is true while the container passes its readiness probe, or has none.
	Ready(containerID string) bool
	// Failed says why a running container must be restarted; nil when it need not.
	Failed(containerID string) *Failure
}

// Failure of a liveness or startup probe.
type Failure struct {
	// Probe is Liveness or Startup.
	Probe string
	// Grace of the probe; nil means the pod's.
	Grace *int64
}

// Memory is what the agent knows of a pod beyond what the runtime tells. Losing it, as in a restart of the agent, delays
// things at most.
type Memory struct {
	// Rejected is set when the node refused the pod, Evicted when it gave it up.
	Rejected, Evicted *Reason
	// Accepted is when the agent first saw the pod.
	Accepted time.Time
	// Troubles are containers that could not be started, by name.
	Troubles map[string]Trouble
	// Crashes counts restarts in a row, by container name; see Delay.
	Crashes map[string]int
	// SandboxTrouble is when to try again after a sandbox or volume could not be set up.
	SandboxTrouble time.Time
	// Messages are termination messages by container ID.
	Messages map[string]string
	// Cleaned is set once an ended pod holds nothing of the node any longer.
	Cleaned bool
}

// Reason in words of the API.
type Reason struct{ Reason, Message string }

// Trouble with starting a container.
type Trouble struct {
	Reason
	// Retry is when to try again.
	Retry time.Time
	// Fatal trouble shows as a finished container (a hook or the runtime refused it) and not as a waiting one.
	Fatal bool
}

const (
	firstDelay = 10 * time.Second
	maxDelay   = 5 * time.Minute
	// forgiven is how long a container must have run for its earlier crashes not to count.
	forgiven = 10 * time.Minute
)

// Delay is how long a container that was restarted so many times in a row waits after its end: none the first time, then
// ten seconds, doubling to five minutes.
func Delay(crashes int) time.Duration {
	if crashes <= 0 {
		return 0
	}
	delay := firstDelay
	for range crashes - 1 {
		if delay *= 2; delay >= maxDelay {
			return maxDelay
		}
	}
	return delay
}

// crashes returns how many times in a row the container was restarted, the present run included.
func (s *Seen) crashes(c *runtime.Container) int {
	if n, known := s.Memory.Crashes[c.Name]; known {
		return n
	}
	return int(c.Attempt) // after a restart of the agent; it may overstate, never understate
}

// CrashesAfter returns the count to remember when a container is started after previous (nil: the first run).
func (s *Seen) CrashesAfter(previous *runtime.Container) int {
	if previous == nil || previous.Finished.IsZero() {
		return 0
	}
	if !previous.Started.IsZero() && previous.Finished.Sub(previous.Started) >= forgiven {
		return 0
	}
	return s.crashes(previous) + 1
}
