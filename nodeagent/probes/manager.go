// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package probes

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// Manager runs the probes of all containers of the node.
type Manager struct {
	config  Config
	metrics *metrics

	mu sync.Mutex
	// containers by ID; guarded by mu, like everything in them.
	containers map[string]*watched
	running    sync.WaitGroup
}

// Config of a Manager.
type Config struct {
	Exec  Executor
	Clock clock.WithTicker
	// Changed is called, from any goroutine, when a result of one of the pod's probes changed.
	Changed func(types.UID)
	// Unhealthy reports a failed probe, for an event.
	Unhealthy func(pod *corev1.Pod, container *corev1.Container, message string, warning bool)
}

// watched is one running container and what is known of it.
type watched struct {
	uid     types.UID
	stop    context.CancelFunc
	started bool
	ready   bool
	failed  *lifecycle.Failure
}

var _ lifecycle.Health = (*Manager)(nil)

// New returns a manager that probes nothing yet.
func New(config Config) *Manager {
	return &Manager{config: config, metrics: newMetrics(), containers: map[string]*watched{}}
}

// Running tells which containers of a pod run: they are probed from now on, others no longer. ctx bounds the probes.
// was is the status last written: a container that the agent finds running keeps the results that it had there.
func (m *Manager) Running(ctx context.Context, pod *corev1.Pod, podIP string, state *runtime.State, was *corev1.PodStatus) {
	m.mu.Lock()
	defer m.mu.Unlock()
	alive := map[string]bool{}
	each(pod, func(c *corev1.Container) {
		run := state.Container(c.Name)
		if run == nil || run.Phase != runtime.Running {
			return
		}
		alive[run.ID] = true
		if _, here := m.containers[run.ID]; here {
			return
		}
		w := &watched{uid: pod.UID, started: c.StartupProbe == nil, ready: c.ReadinessProbe == nil}
		if old := statusOf(was, c.Name, run.ID); old != nil {
			w.started = w.started || old.Started != nil && *old.Started
			w.ready = w.ready || old.Ready
		}
		probing, stop := context.WithCancel(ctx)
		w.stop = stop
		m.containers[run.ID] = w
		t := target{pod: pod, container: c, containerID: run.ID, podIP: podIP}
		for _, p := range []struct {
			kind  string
			probe *corev1.Probe
		}{{"Startup", c.StartupProbe}, {"Liveness", c.LivenessProbe}, {"Readiness", c.ReadinessProbe}} {
			if p.probe != nil {
				m.running.Go(func() { m.run(probing, p.kind, p.probe, t, w, run.Started) })
			}
		}
	})
	for id, w := range m.containers {
		if w.uid == pod.UID && !alive[id] {
			w.stop()
			delete(m.containers, id)
		}
	}
}

// Forget ends the probes of a pod.
func (m *Manager) Forget(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, w := range m.containers {
		if w.uid == uid {
			w.stop()
			delete(m.containers, id)
		}
	}
	m.metrics.forget(uid)
}

// Gatherer counts probes by pod and result.
func (m *Manager) Gatherer() prometheus.Gatherer { return m.metrics.registry }

// Quiet ends the probes that could have a pod restarted that is being stopped; readiness goes on, so that it leaves its
// Services when it says so.
func (m *Manager) Quiet(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.containers {
		if w.uid == uid {
			w.failed = nil
			w.started = true
		}
	}
}

// Wait returns when all probes have ended, which they do when their contexts end.
func (m *Manager) Wait() { m.running.Wait() }

// Started implements lifecycle.Health.
func (m *Manager) Started(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.containers[id]
	return w != nil && w.started
}

// Ready implements lifecycle.Health.
func (m *Manager) Ready(id string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.containers[id]
	return w != nil && w.ready
}

// Failed implements lifecycle.Health.
func (m *Manager) Failed(id string) *lifecycle.Failure {
	m.mu.Lock()
	defer m.mu.Unlock()
	if w := m.containers[id]; w != nil {
		return w.failed
	}
	return nil
}

// run carries one probe out, again and again, until its container is gone.
func (m *Manager) run(ctx context.Context, kind string, p *corev1.Probe, t target, w *watched, began time.Time) {
	period := time.Duration(max(p.PeriodSeconds, 1)) * time.Second
	first := began.Add(time.Duration(p.InitialDelaySeconds) * time.Second).Sub(m.config.Clock.Now())
	if first <= 0 && m.config.Clock.Since(began) > period {
		// A container that was found running: its probes must not all fire at once.
		first = time.Duration(rand.Int64N(int64(period)))
	}
	if !m.sleep(ctx, first) {
		return
	}
	var count counter
	for {
		m.mu.Lock()
		due := w.started == (kind != "Startup")
		over := kind == "Startup" && w.started
		m.mu.Unlock()
		if over {
			return
		}
		wait := period
		if due {
			result, output := m.try(ctx, p, t)
			if ctx.Err() != nil {
				return
			}
			if settled := count.add(result, p); settled != nil {
				m.settle(kind, p, t, w, *settled)
			}
			m.report(kind, t, result, output)
		} else if kind == "Readiness" {
			wait = 100 * time.Millisecond // startup may pass any moment; readiness must not lag by its whole period
		}
		if !m.sleep(ctx, wait) {
			return
		}
	}
}

// try repeats a probe that could not be carried out, since that says nothing about the container.
func (m *Manager) try(ctx context.Context, p *corev1.Probe, t target) (result outcome, output string) {
	for range 3 {
		if result, output = probe(ctx, m.config.Exec, p, t); result != unknown {
			return result, output
		}
	}
	return result, output
}

func (m *Manager) settle(kind string, p *corev1.Probe, t target, w *watched, good bool) {
	m.mu.Lock()
	changed := false
	switch kind {
	case "Startup":
		if good && !w.started {
			w.started, changed = true, true
		} else if !good && w.failed == nil {
			w.failed, changed = &lifecycle.Failure{Probe: "startup", Grace: p.TerminationGracePeriodSeconds}, true
		}
	case "Liveness":
		if !good && w.failed == nil {
			w.failed, changed = &lifecycle.Failure{Probe: "liveness", Grace: p.TerminationGracePeriodSeconds}, true
		}
	case "Readiness":
		changed = w.ready != good
		w.ready = good
	}
	m.mu.Unlock()
	if changed {
		m.config.Changed(t.pod.UID)
	}
}

func (m *Manager) report(kind string, t target, result outcome, output string) {
	m.metrics.count(kind, result, t.pod, t.container.Name)
	switch result {
	case failure:
		m.config.Unhealthy(t.pod, t.container, kind+" probe failed: "+output, false)
	case unknown:
		m.config.Unhealthy(t.pod, t.container, kind+" probe errored and resulted in unknown state: "+output, false)
	case warning:
		m.config.Unhealthy(t.pod, t.container, kind+" probe warning: "+output, true)
	}
}

func (m *Manager) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := m.config.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C():
		return true
	case <-ctx.Done():
		return false
	}
}

// counter counts equal outcomes in a row.
type counter struct {
	last outcome
	runs int32
}

// add returns the verdict once enough equal outcomes came in a row, nil before.
func (c *counter) add(result outcome, p *corev1.Probe) *bool {
	if result == unknown {
		return nil
	}
	if result == warning {
		result = success
	}
	if c.runs > 0 && c.last == result {
		c.runs++
	} else {
		c.last, c.runs = result, 1
	}
	good := result == success
	needed := p.SuccessThreshold
	if !good {
		needed = p.FailureThreshold
	}
	if c.runs < max(needed, 1) {
		return nil
	}
	return &good
}

// each visits the containers that have probes.
func each(pod *corev1.Pod, visit func(*corev1.Container)) {
	for i := range pod.Spec.InitContainers {
		visit(&pod.Spec.InitContainers[i])
	}
	for i := range pod.Spec.Containers {
		visit(&pod.Spec.Containers[i])
	}
	for i := range pod.Spec.EphemeralContainers {
		c := corev1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		visit(&c)
	}
}

func statusOf(status *corev1.PodStatus, name, id string) *corev1.ContainerStatus {
	for _, list := range [][]corev1.ContainerStatus{status.ContainerStatuses, status.InitContainerStatuses} {
		for i := range list {
			if s := &list[i]; s.Name == name && len(s.ContainerID) > len(id) && s.ContainerID[len(s.ContainerID)-len(id):] == id {
				return s
			}
		}
	}
	return nil
}
