// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// Kind of a container in its pod.
type Kind int

const (
	Main Kind = iota
	Init
	Ephemeral
)

// Plan is the next step for a pod. At most one of End, Sandbox, Kill and Start is set; when none is, there is nothing to
// do until an event comes or Recheck has passed.
type Plan struct {
	End     *End
	Sandbox *Sandbox
	Kill    []Kill
	Start   []Start
	// Waiting says which containers wait for their back-off to pass.
	Waiting map[string]Waiting
	// Recheck is when to plan again without an event; zero means never.
	Recheck time.Duration
}

// Empty tells that nothing is to be done now.
func (p *Plan) Empty() bool {
	return p.End == nil && p.Sandbox == nil && len(p.Kill) == 0 && len(p.Start) == 0
}

// End means that the pod must not run any longer.
type End struct {
	// Grace that containers get.
	Grace time.Duration
	// Reason and Message for the status of a pod that failed on the node's account; empty otherwise.
	Reason
	// Delete tells that the API waits for us to remove the pod.
	Delete bool
}

// Sandbox to start; what ran in the one before is over.
type Sandbox struct {
	Attempt uint32
	// Replaces is the sandbox that died, if any.
	Replaces string
}

// Kill one container of a pod that goes on.
type Kill struct {
	ContainerID string
	Container   *corev1.Container
	Message     string
	Grace       time.Duration
}

// Start one container.
type Start struct {
	Container *corev1.Container
	Kind      Kind
	Attempt   uint32
	// Previous is the run before, nil the first time.
	Previous *runtime.Container
}

// Waiting for a back-off.
type Waiting struct {
	Reason
	Container *corev1.Container
	Until     time.Time
}

// Make returns the next step.
func Make(seen Seen) Plan {
	if end := ending(&seen); end != nil {
		return Plan{End: end}
	}
	p := planner{seen: &seen, plan: Plan{Waiting: map[string]Waiting{}}}
	p.deadline()
	sandbox := seen.State.Sandbox()
	if sandbox == nil || !sandbox.Ready {
		p.sandbox(sandbox)
		return p.plan
	}
	p.containers(sandbox)
	if len(p.plan.Kill) > 0 {
		p.plan.Start = nil // kills first: a start may take long
	}
	return p.plan
}

// ending returns why and how the pod must end; nil when it is to run.
func ending(seen *Seen) *End {
	pod := seen.Pod
	grace := Grace(pod)
	switch {
	case pod.DeletionTimestamp != nil && !seen.Gone:
		return &End{Grace: grace, Delete: true}
	case seen.Gone:
		return &End{Grace: grace}
	case seen.Memory.Rejected != nil:
		return &End{Grace: grace, Reason: *seen.Memory.Rejected}
	case seen.Memory.Evicted != nil:
		return &End{Grace: grace, Reason: *seen.Memory.Evicted}
	case Terminal(pod.Status.Phase):
		return &End{Grace: grace, Reason: Reason{pod.Status.Reason, pod.Status.Message}}
	}
	if limit := pod.Spec.ActiveDeadlineSeconds; limit != nil {
		if !seen.Now.Before(startTime(seen).Add(time.Duration(*limit) * time.Second)) {
			return &End{Grace: grace, Reason: Reason{"DeadlineExceeded", "Pod was active on the node longer than the specified deadline"}}
		}
	}
	if Terminal(phase(seen, false)) {
		return &End{Grace: grace}
	}
	return nil
}

// Terminal phases are never left.
func Terminal(phase corev1.PodPhase) bool {
	return phase == corev1.PodSucceeded || phase == corev1.PodFailed
}

// Grace is how long the containers of a pod that ends get. The API server has put the deleter's wish into the pod.
func Grace(pod *corev1.Pod) time.Duration {
	seconds := int64(corev1.DefaultTerminationGracePeriodSeconds)
	switch {
	case pod.DeletionTimestamp != nil && pod.DeletionGracePeriodSeconds != nil:
		seconds = *pod.DeletionGracePeriodSeconds
	case pod.Spec.TerminationGracePeriodSeconds != nil:
		seconds = *pod.Spec.TerminationGracePeriodSeconds
	}
	return time.Duration(max(seconds, 1)) * time.Second
}

type planner struct {
	seen *Seen
	plan Plan
}

func (p *planner) deadline() {
	if limit := p.seen.Pod.Spec.ActiveDeadlineSeconds; limit != nil {
		p.recheck(startTime(p.seen).Add(time.Duration(*limit) * time.Second))
	}
}

func (p *planner) recheck(at time.Time) {
	wait := max(at.Sub(p.seen.Now), time.Millisecond)
	if p.plan.Recheck == 0 || wait < p.plan.Recheck {
		p.plan.Recheck = wait
	}
}

func (p *planner) sandbox(dead *runtime.Sandbox) {
	if retry := p.seen.Memory.SandboxTrouble; p.seen.Now.Before(retry) {
		p.recheck(retry)
		return
	}
	next := &Sandbox{}
	if dead != nil {
		next.Attempt, next.Replaces = dead.Attempt+1, dead.ID
	}
	p.plan.Sandbox = next
}

// run returns the newest run of a container in the present sandbox, and the newest one of all.
func (p *planner) run(sandbox *runtime.Sandbox, name string) (here, newest *runtime.Container) {
	newest = p.seen.State.Container(name)
	if newest != nil && newest.SandboxID == sandbox.ID {
		return newest, newest
	}
	return nil, newest
}

func (p *planner) containers(sandbox *runtime.Sandbox) {
	spec := &p.seen.Pod.Spec
	begun := false // a main container was made in this sandbox, so initialisation is over
	for i := range spec.Containers {
		if here, _ := p.run(sandbox, spec.Containers[i].Name); here != nil {
			begun = true
		}
	}
	if !p.inits(sandbox, begun) {
		return
	}
	for i := range spec.Containers {
		p.container(sandbox, &spec.Containers[i], Main)
	}
	for i := range spec.EphemeralContainers {
		c := (*corev1.Container)(&spec.EphemeralContainers[i].EphemeralContainerCommon)
		if _, newest := p.run(sandbox, c.Name); newest == nil {
			p.start(c, Ephemeral, nil)
		}
	}
}

// inits plans init containers and returns whether the main ones may go on.
func (p *planner) inits(sandbox *runtime.Sandbox, begun bool) bool {
	pod := p.seen.Pod
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		here, newest := p.run(sandbox, c.Name)
		if IsSidecar(c) {
			p.container(sandbox, c, Init)
			if begun {
				continue
			}
			if here == nil || here.Phase != runtime.Running || !p.seen.Health.Started(here.ID) {
				return false
			}
			continue
		}
		if begun {
			continue
		}
		switch {
		case here == nil:
			p.start(c, Init, newest)
			return false
		case here.Phase == runtime.Running:
			return false
		case here.Phase == runtime.Exited && here.ExitCode == 0:
			continue
		case here.Phase == runtime.Exited:
			// One that is not to run again has made the pod fail: ending saw to it.
			p.restart(c, Init, here)
			return false
		default: // made but never started, or lost by the runtime
			p.start(c, Init, here)
			return false
		}
	}
	return true
}

// container plans one that should run all the time, as its restart policy has it.
func (p *planner) container(sandbox *runtime.Sandbox, c *corev1.Container, kind Kind) {
	here, newest := p.run(sandbox, c.Name)
	switch {
	case here == nil && kind == Main && finished(p.seen.Pod, c, newest):
		return // it ended for good in an earlier sandbox
	case here == nil:
		p.start(c, kind, newest)
	case here.Phase == runtime.Running:
		p.check(c, here)
	case here.Phase == runtime.Exited && kind == Main && !restarts(p.seen.Pod, c, here.ExitCode):
		return
	case here.Phase == runtime.Exited:
		p.restart(c, kind, here)
	default: // made but never started, or lost by the runtime
		p.start(c, kind, here)
	}
}

// check kills a running container that must not go on as it is; it is started again once it is gone.
func (p *planner) check(c *corev1.Container, run *runtime.Container) {
	grace := Grace(p.seen.Pod)
	if was := run.Annotations[runtime.AnnotationHash]; was != "" && was != Hash(c) {
		p.plan.Kill = append(p.plan.Kill, Kill{run.ID, c, fmt.Sprintf("Container %s definition changed, will be restarted", c.Name), grace})
		return
	}
	if failure := p.seen.Health.Failed(run.ID); failure != nil {
		if failure.Grace != nil {
			grace = time.Duration(max(*failure.Grace, 1)) * time.Second
		}
		p.plan.Kill = append(p.plan.Kill, Kill{run.ID, c, fmt.Sprintf("Container %s failed %s probe, will be restarted", c.Name, failure.Probe), grace})
	}
}

// restart starts a container again once its back-off has passed.
func (p *planner) restart(c *corev1.Container, kind Kind, ended *runtime.Container) {
	delay := Delay(p.seen.crashes(ended))
	until := ended.Finished.Add(delay)
	if delay > 0 && p.seen.Now.Before(until) {
		pod := p.seen.Pod
		p.plan.Waiting[c.Name] = Waiting{Reason: Reason{"CrashLoopBackOff", fmt.Sprintf("back-off %s restarting failed container=%s pod=%s_%s(%s)",
			delay, c.Name, pod.Name, pod.Namespace, pod.UID)}, Container: c, Until: until}
		p.recheck(until)
		return
	}
	p.start(c, kind, ended)
}

func (p *planner) start(c *corev1.Container, kind Kind, previous *runtime.Container) {
	if trouble, has := p.seen.Memory.Troubles[c.Name]; has && p.seen.Now.Before(trouble.Retry) {
		p.recheck(trouble.Retry)
		return
	}
	p.plan.Start = append(p.plan.Start, Start{Container: c, Kind: kind, Attempt: p.attempt(c, previous), Previous: previous})
}

// attempt numbers runs. Those that the runtime has forgotten are still counted by the status.
func (p *planner) attempt(c *corev1.Container, previous *runtime.Container) uint32 {
	if previous != nil {
		return previous.Attempt + 1
	}
	status := &p.seen.Pod.Status
	for _, list := range [][]corev1.ContainerStatus{status.ContainerStatuses, status.InitContainerStatuses} {
		for i := range list {
			if list[i].Name == c.Name && list[i].ContainerID != "" {
				return uint32(list[i].RestartCount) + 1
			}
		}
	}
	return 0
}
