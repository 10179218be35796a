// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package lifecycle

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"coxswain.dev/coxswain/nodeagent/runtime"
)

// t0 is when pods of tests were accepted; now is a minute later.
var (
	t0  = time.Unix(1_000_000, 0)
	now = t0.Add(time.Minute)
)

// health says that containers are started and ready unless listed.
type health struct {
	unstarted, unready map[string]bool
	failed             map[string]*Failure
}

func (h health) Started(id string) bool    { return !h.unstarted[id] }
func (h health) Ready(id string) bool      { return !h.unready[id] }
func (h health) Failed(id string) *Failure { return h.failed[id] }

// pod has the main containers that are named.
func pod(policy corev1.RestartPolicy, names ...string) *corev1.Pod {
	p := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "p", UID: "uid", Generation: 3},
		Spec:       corev1.PodSpec{RestartPolicy: policy},
	}
	for _, name := range names {
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: name, Image: "image"})
	}
	return p
}

func withInit(p *corev1.Pod, names ...string) *corev1.Pod {
	for _, name := range names {
		p.Spec.InitContainers = append(p.Spec.InitContainers, corev1.Container{Name: name, Image: "image"})
	}
	return p
}

func withSidecar(p *corev1.Pod, name string) *corev1.Pod {
	always := corev1.ContainerRestartPolicyAlways
	p.Spec.InitContainers = append(p.Spec.InitContainers, corev1.Container{Name: name, Image: "image", RestartPolicy: &always})
	return p
}

// state has a ready sandbox with these containers, given newest first.
func state(containers ...runtime.Container) runtime.State {
	return runtime.State{UID: "uid", Sandboxes: []runtime.Sandbox{{ID: "s0", Ready: true, IPs: []string{"10.0.0.2"}}}, Containers: containers}
}

func running(name string) runtime.Container {
	return runtime.Container{
		ID: name + "-0", Name: name, SandboxID: "s0", Phase: runtime.Running, Created: t0, Started: t0, Image: "image", ImageRef: "image@sha256:1",
		Annotations: map[string]string{runtime.AnnotationHash: Hash(&corev1.Container{Name: name, Image: "image"})},
	}
}

// exited ended now, after a second.
func exited(name string, code int32) runtime.Container {
	c := running(name)
	c.Phase, c.ExitCode, c.Started, c.Finished = runtime.Exited, code, now.Add(-time.Second), now
	return c
}

func attempt(c runtime.Container, n uint32) runtime.Container {
	c.Attempt = n
	c.ID = c.Name + "-" + string(rune('0'+n))
	return c
}

func seen(p *corev1.Pod, s runtime.State) Seen {
	return Seen{Pod: p, State: s, Health: health{}, Memory: Memory{Accepted: t0}, Node: Node{HostIPs: []string{"192.0.2.1"}}, Now: now}
}
