// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"coxswain.dev/coxswain/nodeagent/resources"
)

// cgroupHook makes the pod's cgroup and weighs its class of service anew.
type cgroupHook struct{ NodeConfig }

func (h *cgroupHook) PrepareSandbox(_ context.Context, pod *corev1.Pod, config *cri.PodSandboxConfig) error {
	if err := h.Cgroups.Weigh(h.Pods()); err != nil {
		return err
	}
	parent, err := h.Cgroups.Ensure(pod)
	if err != nil {
		return err
	}
	config.Linux.CgroupParent = parent
	return nil
}

func (h *cgroupHook) Clean(_ context.Context, pod *corev1.Pod) error {
	return h.Cgroups.Remove(pod.UID)
}

// resourceHook holds a container to its limits.
type resourceHook struct{ NodeConfig }

func (h *resourceHook) PrepareContainer(_ context.Context, r *ContainerRequest) error {
	r.Config.Linux.Resources = resources.Container(r.Pod, r.Container, h.memory())
	return nil
}
