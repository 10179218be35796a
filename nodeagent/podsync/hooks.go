// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// A hook is one concern of a pod. It implements those of the following interfaces that it needs; all calls for one pod
// come from one goroutine, each may be repeated, and any may be the first after a restart of the agent.

// Admitter may refuse a pod that the agent sees for the first time. others are the pods that the node has taken.
type Admitter interface {
	Admit(pod *corev1.Pod, others []*corev1.Pod) *lifecycle.Reason
}

// SandboxHook prepares what a pod needs before its sandbox is started, and says how in config.
type SandboxHook interface {
	PrepareSandbox(ctx context.Context, pod *corev1.Pod, config *cri.PodSandboxConfig) error
}

// ContainerHook prepares what a container needs before it is created, and says how in r.Config.
type ContainerHook interface {
	PrepareContainer(ctx context.Context, r *ContainerRequest) error
}

// RefreshHook is called at each sync of a pod that runs. It returns when it wants to be called again; zero means not.
type RefreshHook interface {
	Refresh(ctx context.Context, pod *corev1.Pod, podIPs []string) (time.Time, error)
}

// CleanHook gives back what an ended pod held; its containers are dead, but their logs are still wanted.
type CleanHook interface {
	Clean(ctx context.Context, pod *corev1.Pod) error
}

// RemoveHook removes the last traces of a pod that the API no longer has. Only its identity is sure to be known.
type RemoveHook interface {
	Remove(ctx context.Context, pod *corev1.Pod) error
}

// ContainerRequest is a container on its way to the runtime.
type ContainerRequest struct {
	Pod       *corev1.Pod
	Container *corev1.Container
	Kind      lifecycle.Kind
	Attempt   uint32
	State     *runtime.State
	PodIPs    []string
	// Image is what the container is made from.
	Image  *runtime.Image
	Config *cri.ContainerConfig
}

// Events of a pod.
type Events interface {
	// Event reports something about a pod; container is "" when it is about the pod as a whole.
	Event(pod *corev1.Pod, container *corev1.Container, kind, reason, message string)
}

// StatusWriter brings statuses to the API.
type StatusWriter interface {
	Set(pod *corev1.Pod, status corev1.PodStatus)
	Remove(pod *corev1.Pod)
	Forget(uid types.UID)
}

// podEvents is pull.Events for one container.
type podEvents struct {
	events    Events
	pod       *corev1.Pod
	container *corev1.Container
}

func (e podEvents) Normal(reason, message string) {
	e.events.Event(e.pod, e.container, corev1.EventTypeNormal, reason, message)
}

func (e podEvents) Warning(reason, message string) {
	e.events.Event(e.pod, e.container, corev1.EventTypeWarning, reason, message)
}
