// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
	clocktesting "k8s.io/utils/clock/testing"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/pods"
	"coxswain.dev/coxswain/nodeagent/podworker"
	"coxswain.dev/coxswain/nodeagent/pull"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// fakeRuntime holds one pod in memory and notes what was asked of it.
type fakeRuntime struct {
	runtime.Runtime
	clock *clocktesting.FakeClock

	mu    sync.Mutex
	state runtime.State
	asked []string
	// fail makes the named operations fail.
	fail map[string]error
	// stubborn containers stop only when their grace is this short.
	stubborn time.Duration
	stopping chan struct{}
}

func (f *fakeRuntime) do(format string, args ...any) error {
	call := fmt.Sprintf(format, args...)
	f.asked = append(f.asked, call)
	name, _, _ := strings.Cut(call, " ")
	return f.fail[name]
}

func (f *fakeRuntime) Pod(context.Context, types.UID) (runtime.State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	state := f.state
	state.Sandboxes, state.Containers = slices.Clone(f.state.Sandboxes), slices.Clone(f.state.Containers)
	return state, f.fail["observe"]
}

func (f *fakeRuntime) RunSandbox(_ context.Context, config *cri.PodSandboxConfig, _ string) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.do("sandbox %d", config.Metadata.Attempt); err != nil {
		return "", err
	}
	id := fmt.Sprint("s", config.Metadata.Attempt)
	f.state.Sandboxes = append([]runtime.Sandbox{{ID: id, Attempt: config.Metadata.Attempt, Ready: true, IPs: []string{"10.0.0.2"}}}, f.state.Sandboxes...)
	return id, nil
}

func (f *fakeRuntime) StopSandbox(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.state.Sandboxes {
		if f.state.Sandboxes[i].ID == id {
			f.state.Sandboxes[i].Ready = false
		}
	}
	return f.do("stop-sandbox %s", id)
}

func (f *fakeRuntime) RemoveSandbox(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Sandboxes = slices.DeleteFunc(f.state.Sandboxes, func(s runtime.Sandbox) bool { return s.ID == id })
	return f.do("remove-sandbox %s", id)
}

func (f *fakeRuntime) CreateContainer(_ context.Context, sandbox string, config *cri.ContainerConfig, _ *cri.PodSandboxConfig) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id := fmt.Sprintf("%s-%d", config.Metadata.Name, config.Metadata.Attempt)
	if err := f.do("create %s", id); err != nil {
		return "", err
	}
	f.state.Containers = append([]runtime.Container{{
		ID: id, Name: config.Metadata.Name, SandboxID: sandbox, Attempt: config.Metadata.Attempt, Created: f.clock.Now(), Annotations: config.Annotations,
	}}, f.state.Containers...)
	return id, nil
}

func (f *fakeRuntime) StartContainer(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.do("start %s", id); err != nil {
		return err
	}
	f.set(id, func(c *runtime.Container) { c.Phase, c.Started = runtime.Running, f.clock.Now() })
	return nil
}

func (f *fakeRuntime) StopContainer(ctx context.Context, id string, grace time.Duration) error {
	f.mu.Lock()
	err := f.do("stop %s %v", id, grace)
	stubborn := f.stubborn > 0 && grace > f.stubborn
	f.mu.Unlock()
	if stubborn {
		close(f.stopping)
		<-ctx.Done()
		return ctx.Err()
	}
	f.exit(id, 143)
	return err
}

func (f *fakeRuntime) RemoveContainer(_ context.Context, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.state.Containers = slices.DeleteFunc(f.state.Containers, func(c runtime.Container) bool { return c.ID == id })
	return f.do("remove %s", id)
}

func (f *fakeRuntime) Image(context.Context, string) (*runtime.Image, error) {
	return &runtime.Image{ID: "image"}, nil
}

// exit ends a container.
func (f *fakeRuntime) exit(id string, code int32) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.set(id, func(c *runtime.Container) { c.Phase, c.ExitCode, c.Finished = runtime.Exited, code, f.clock.Now() })
}

func (f *fakeRuntime) set(id string, change func(*runtime.Container)) {
	for i := range f.state.Containers {
		if f.state.Containers[i].ID == id {
			change(&f.state.Containers[i])
		}
	}
}

// calls returns what was asked since the last time.
func (f *fakeRuntime) calls() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := strings.Join(f.asked, ", ")
	f.asked = nil
	return all
}

type fakeProbes struct{}

func (fakeProbes) Started(string) bool              { return true }
func (fakeProbes) Ready(string) bool                { return true }
func (fakeProbes) Failed(string) *lifecycle.Failure { return nil }
func (fakeProbes) Running(context.Context, *corev1.Pod, string, *runtime.State, *corev1.PodStatus) {
}
func (fakeProbes) Quiet(types.UID)  {}
func (fakeProbes) Forget(types.UID) {}

// fakeAPI takes statuses and events.
type fakeAPI struct {
	mu      sync.Mutex
	phases  []corev1.PodPhase
	removed bool
	reasons []string
}

func (f *fakeAPI) Set(_ *corev1.Pod, status corev1.PodStatus) {
	f.phases = append(f.phases, status.Phase)
}
func (f *fakeAPI) Remove(*corev1.Pod) { f.removed = true }
func (f *fakeAPI) Forget(types.UID)   {}
func (f *fakeAPI) Event(_ *corev1.Pod, _ *corev1.Container, _, reason, _ string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reasons = append(f.reasons, reason)
}

// hook notes the phases that it is asked for, and fails or refuses when told.
type hook struct {
	asked  []string
	fail   error
	refuse *lifecycle.Reason
}

func (h *hook) Admit(*corev1.Pod, []*corev1.Pod) *lifecycle.Reason { return h.refuse }
func (h *hook) PrepareSandbox(context.Context, *corev1.Pod, *cri.PodSandboxConfig) error {
	h.asked = append(h.asked, "sandbox")
	return nil
}
func (h *hook) PrepareContainer(context.Context, *ContainerRequest) error {
	h.asked = append(h.asked, "container")
	return h.fail
}
func (h *hook) Clean(context.Context, *corev1.Pod) error {
	h.asked = append(h.asked, "clean")
	return nil
}
func (h *hook) Remove(context.Context, *corev1.Pod) error {
	h.asked = append(h.asked, "remove")
	return nil
}

// rig is a syncer with everything around it faked.
type rig struct {
	*Syncer
	runtime     *fakeRuntime
	api         *fakeAPI
	hook        *hook
	clock       *clocktesting.FakeClock
	interrupted int
}

func newRig() *rig {
	clock := clocktesting.NewFakeClock(time.Unix(1_000_000, 0))
	r := &rig{runtime: &fakeRuntime{clock: clock, fail: map[string]error{}, stopping: make(chan struct{})}, api: &fakeAPI{}, hook: &hook{}, clock: clock}
	r.Syncer = New(Config{
		Runtime: r.runtime, Store: pods.NewStore(), Status: r.api, Events: r.api, Probes: fakeProbes{}, Clock: clock,
		Puller: pull.New(r.runtime, clock, false), Node: func() lifecycle.Node { return lifecycle.Node{} }, Hooks: []any{r.hook},
		Wake: func(types.UID) {}, Interrupt: func(types.UID) { r.interrupted++ },
	})
	return r
}

func (r *rig) sync(t *testing.T) podworker.Result {
	t.Helper()
	return r.Sync(t.Context(), "u")
}

func (r *rig) expect(t *testing.T, want string) {
	t.Helper()
	if got := r.runtime.calls(); got != want {
		t.Errorf("asked for %q, want %q", got, want)
	}
}

func newPod(names ...string) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p", UID: "u"}, Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyAlways}}
	for _, name := range names {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: name, Image: "image"})
	}
	return pod
}

func deleted(pod *corev1.Pod, grace int64) *corev1.Pod {
	pod = pod.DeepCopy()
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &metav1.Time{Time: time.Unix(1_000_000, 0)}, &grace
	return pod
}
