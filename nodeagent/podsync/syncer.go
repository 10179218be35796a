// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/pods"
	"coxswain.dev/coxswain/nodeagent/podworker"
	"coxswain.dev/coxswain/nodeagent/pull"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// Config of a Syncer. All fields are needed but Hooks, Secrets and Logs.
type Config struct {
	Runtime runtime.Runtime
	Store   *pods.Store
	Status  StatusWriter
	Events  Events
	Probes  Probes
	Clock   clock.WithTicker
	// Puller brings images to the node.
	Puller *pull.Puller
	// Secrets returns a pod's pull secrets, as far as they exist.
	Secrets func(ctx context.Context, pod *corev1.Pod) []*corev1.Secret
	// Node is what statuses say about the node.
	Node func() lifecycle.Node
	// Hooks in the order in which they prepare; they clean up in reverse.
	Hooks []any
	// Logs is the folder of all pods' logs.
	Logs string
	// Wake has a pod's worker call Sync, Interrupt also ends the call in course.
	Wake, Interrupt func(types.UID)
}

// Probes of containers.
type Probes interface {
	lifecycle.Health
	// Running tells which containers run; was is the status last written.
	Running(ctx context.Context, pod *corev1.Pod, podIP string, state *runtime.State, was *corev1.PodStatus)
	Quiet(types.UID)
	Forget(types.UID)
}

// Syncer holds what the agent knows of its pods. Set, Gone and Orphan may be called from anywhere; Sync is called by the
// pod's worker, one call at a time.
type Syncer struct {
	config Config

	// admission lets pods be admitted one after the other, each knowing those before it.
	admission sync.Mutex

	mu   sync.Mutex
	pods map[types.UID]*tracked
}

// tracked is a pod in care of the node. mu of the Syncer guards the first fields; the rest belongs to the pod's worker.
type tracked struct {
	pod  *corev1.Pod
	gone bool
	// holds tells that the pod was admitted and takes its share of the node.
	holds bool

	memory   lifecycle.Memory
	admitted bool
	// latest is the status last computed, nil before the first.
	latest *corev1.PodStatus
	// ended is closed over: the pod was removed from the API by us.
	removing bool
	probing  context.Context
	stop     context.CancelFunc
	// failures in a row of steps that are not about a single container.
	failures int
	// announced is until when each container waits as far as users were told.
	announced map[string]time.Time
}

// New returns a syncer without pods.
func New(config Config) *Syncer {
	return &Syncer{config: config, pods: map[types.UID]*tracked{}}
}

// Set stores the newest desired state of a pod and wakes its worker. Work in course ends when the pod is now to be
// deleted, or sooner than before.
func (s *Syncer) Set(pod *corev1.Pod) {
	s.mu.Lock()
	t, known := s.pods[pod.UID]
	if !known {
		t = &tracked{memory: lifecycle.Memory{Accepted: s.config.Clock.Now()}}
		s.pods[pod.UID] = t
	}
	old := t.pod
	t.pod = pod
	s.mu.Unlock()
	s.config.Store.Set(pod)
	if old != nil && endsSooner(old, pod) {
		s.config.Interrupt(pod.UID)
		return
	}
	s.config.Wake(pod.UID)
}

func endsSooner(old, pod *corev1.Pod) bool {
	if pod.DeletionTimestamp == nil {
		return false
	}
	return old.DeletionTimestamp == nil || lifecycle.Grace(pod) < lifecycle.Grace(old)
}

// Gone tells that the API no longer has the pod.
func (s *Syncer) Gone(uid types.UID) {
	s.mu.Lock()
	t, known := s.pods[uid]
	if known {
		t.gone = true
	}
	s.mu.Unlock()
	if known {
		s.config.Interrupt(uid)
	}
}

// Orphan takes a pod over that the runtime has and the API does not.
func (s *Syncer) Orphan(pod *corev1.Pod) {
	s.mu.Lock()
	_, known := s.pods[pod.UID]
	if !known {
		s.pods[pod.UID] = &tracked{pod: pod, gone: true, admitted: true}
	}
	s.mu.Unlock()
	if !known {
		s.config.Wake(pod.UID)
	}
}

// Known tells whether a pod is in care of the node.
func (s *Syncer) Known(uid types.UID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.pods[uid]
	return known
}

// maxSteps bounds one call of Sync; more steps than a pod could need mean that observation and steps disagree.
const maxSteps = 50

// Sync is the podworker.Handler: it takes steps until there is nothing to do now.
func (s *Syncer) Sync(ctx context.Context, uid types.UID) podworker.Result {
	s.mu.Lock()
	t, known := s.pods[uid]
	if !known {
		s.mu.Unlock()
		return podworker.Result{Done: true}
	}
	logger := klog.FromContext(ctx).WithValues("pod", klog.KObj(t.pod), "uid", uid)
	s.mu.Unlock()
	ctx = klog.NewContext(ctx, logger)
	for range maxSteps {
		result, again := s.step(ctx, uid, t)
		if !again || ctx.Err() != nil {
			return result
		}
	}
	logger.Error(nil, "A pod does not come to rest", "steps", maxSteps)
	return podworker.Result{Again: time.Second}
}

// step observes, reports and takes one step. again asks for another one at once.
func (s *Syncer) step(ctx context.Context, uid types.UID, t *tracked) (_ podworker.Result, again bool) {
	seen, err := s.observe(ctx, uid, t)
	if err != nil {
		if ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Observing a pod failed; trying again")
		}
		return podworker.Result{Again: s.backOff(t)}, false
	}
	if !t.admitted {
		s.admit(seen, t)
		seen.Memory = t.memory
	}
	plan := lifecycle.Make(seen)
	s.publish(seen, plan, t)
	s.announce(seen.Pod, plan.Waiting, t)
	switch {
	case plan.End != nil:
		return s.end(ctx, seen, *plan.End, t)
	case plan.Sandbox != nil:
		err = s.startSandbox(ctx, seen, *plan.Sandbox)
	case len(plan.Kill) > 0:
		err = s.kill(ctx, seen, plan.Kill)
	case len(plan.Start) > 0:
		err = s.start(ctx, seen, plan.Start, t)
	default:
		refresh := s.refresh(ctx, seen)
		t.failures = 0
		return podworker.Result{Again: soonest(plan.Recheck, refresh)}, false
	}
	if err != nil {
		if ctx.Err() == nil {
			klog.FromContext(ctx).V(2).Info("A step for a pod failed; trying again", "err", err)
		}
		return podworker.Result{Again: s.backOff(t)}, false
	}
	t.failures = 0
	return podworker.Result{}, true
}

// announce tells users of each back-off once.
func (s *Syncer) announce(pod *corev1.Pod, waiting map[string]lifecycle.Waiting, t *tracked) {
	for name, one := range waiting {
		if one.Until.Equal(t.announced[name]) {
			continue
		}
		if t.announced == nil {
			t.announced = map[string]time.Time{}
		}
		t.announced[name] = one.Until
		s.config.Events.Event(pod, one.Container, corev1.EventTypeWarning, "BackOff",
			fmt.Sprintf("Back-off restarting failed container %s in pod %s_%s(%s)", name, pod.Name, pod.Namespace, pod.UID))
	}
}

// backOff is how long to wait after a step that failed for reasons that are not a container's.
func (s *Syncer) backOff(t *tracked) time.Duration {
	t.failures++
	return min(500*time.Millisecond<<min(t.failures-1, 10), 30*time.Second)
}

// observe reads everything that a plan is made from.
func (s *Syncer) observe(ctx context.Context, uid types.UID, t *tracked) (lifecycle.Seen, error) {
	state, err := s.config.Runtime.Pod(ctx, uid)
	if err != nil {
		return lifecycle.Seen{}, err
	}
	s.mu.Lock()
	pod, gone := t.pod, t.gone
	s.mu.Unlock()
	if t.latest != nil {
		// What we computed is ahead of what the API returned to us, but for what others wrote.
		merged := *pod
		merged.Status = *t.latest.DeepCopy()
		merged.Status.Conditions = foreign(pod.Status.Conditions, t.latest.Conditions)
		pod = &merged
	}
	s.messages(t, pod, &state)
	podIP := ""
	if ips := s.podIPs(pod, &state); len(ips) > 0 {
		podIP = ips[0]
	}
	if !gone && pod.DeletionTimestamp == nil || state.Running() {
		s.config.Probes.Running(s.probeContext(ctx, t), pod, podIP, &state, &pod.Status)
	}
	memory := t.memory
	memory.Troubles, memory.Crashes, memory.Messages = maps.Clone(t.memory.Troubles), maps.Clone(t.memory.Crashes), maps.Clone(t.memory.Messages)
	return lifecycle.Seen{
		Pod:    pod,
		State:  state,
		Health: s.config.Probes,
		Memory: memory,
		Gone:   gone,
		Node:   s.config.Node(),
		Now:    s.config.Clock.Now(),
	}, nil
}

// foreign returns the conditions that we computed, with those of others as the API has them now.
func foreign(api, computed []corev1.PodCondition) []corev1.PodCondition {
	own := map[corev1.PodConditionType]bool{
		corev1.PodReadyToStartContainers: true, corev1.PodInitialized: true, corev1.PodReady: true,
		corev1.ContainersReady: true, corev1.PodScheduled: true,
	}
	var list []corev1.PodCondition
	for _, c := range computed {
		if own[c.Type] {
			list = append(list, c)
		}
	}
	for _, c := range api {
		if !own[c.Type] {
			list = append(list, c)
		}
	}
	return list
}

// probeContext outlives single calls of Sync: probes go on between them.
func (s *Syncer) probeContext(ctx context.Context, t *tracked) context.Context {
	if t.probing == nil {
		t.probing, t.stop = context.WithCancel(context.WithoutCancel(ctx))
	}
	return t.probing
}

// StopProbes ends the probes of all pods, when the agent stops.
func (s *Syncer) StopProbes() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for uid := range s.pods {
		s.config.Probes.Forget(uid)
	}
}

func (s *Syncer) podIPs(pod *corev1.Pod, state *runtime.State) []string {
	if pod.Spec.HostNetwork {
		return s.config.Node().HostIPs
	}
	if sandbox := state.Sandbox(); sandbox != nil {
		return sandbox.IPs
	}
	return nil
}

// publish computes the status and hands it over. The status of a pod that ended earlier is final.
func (s *Syncer) publish(seen lifecycle.Seen, plan lifecycle.Plan, t *tracked) {
	if seen.Gone || lifecycle.Terminal(seen.Pod.Status.Phase) && !seen.State.Running() && t.latest == nil {
		return
	}
	status := lifecycle.Status(seen, plan)
	t.latest = &status
	s.config.Store.SetStatus(seen.Pod.UID, status)
	s.config.Status.Set(s.desired(t), status)
}

// desired is the pod as the API has it.
func (s *Syncer) desired(t *tracked) *corev1.Pod {
	s.mu.Lock()
	defer s.mu.Unlock()
	return t.pod
}

// admit lets hooks refuse a new pod. One that already has containers was admitted before.
func (s *Syncer) admit(seen lifecycle.Seen, t *tracked) {
	t.admitted = true
	if lifecycle.Terminal(seen.Pod.Status.Phase) || seen.Gone {
		return
	}
	if len(seen.State.Sandboxes) > 0 || seen.Pod.DeletionTimestamp != nil {
		s.hold(t)
		return
	}
	s.admission.Lock()
	defer s.admission.Unlock()
	others := s.holding(seen.Pod.UID)
	for _, hook := range s.config.Hooks {
		admitter, is := hook.(Admitter)
		if !is {
			continue
		}
		if reason := admitter.Admit(seen.Pod, others); reason != nil {
			t.memory.Rejected = reason
			s.config.Events.Event(seen.Pod, nil, corev1.EventTypeWarning, reason.Reason, reason.Message)
			return
		}
	}
	s.hold(t)
}

func (s *Syncer) hold(t *tracked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.holds = true
}

// holding returns the admitted pods that still hold something of the node, but for one.
func (s *Syncer) holding(but types.UID) []*corev1.Pod {
	s.mu.Lock()
	holds := map[types.UID]bool{}
	for uid, t := range s.pods {
		holds[uid] = t.holds && uid != but
	}
	s.mu.Unlock()
	var list []*corev1.Pod
	for _, pod := range s.config.Store.List() {
		if holds[pod.UID] && !lifecycle.Terminal(pod.Status.Phase) {
			list = append(list, pod)
		}
	}
	return list
}

func (s *Syncer) refresh(ctx context.Context, seen lifecycle.Seen) time.Duration {
	var next time.Time
	for _, hook := range s.config.Hooks {
		refresher, is := hook.(RefreshHook)
		if !is {
			continue
		}
		at, err := refresher.Refresh(ctx, seen.Pod, s.podIPs(seen.Pod, &seen.State))
		if err != nil {
			if ctx.Err() == nil {
				s.config.Events.Event(seen.Pod, nil, corev1.EventTypeWarning, "FailedMount", err.Error())
			}
			at = seen.Now.Add(30 * time.Second)
		}
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	if next.IsZero() {
		return 0
	}
	return max(next.Sub(seen.Now), time.Second)
}

func soonest(a, b time.Duration) time.Duration {
	if a == 0 || b > 0 && b < a {
		return b
	}
	return a
}
