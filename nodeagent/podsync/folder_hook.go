// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"fmt"
	"os"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// folderHook makes the folders of a pod and its logs. Logs stay until the pod is gone from the API.
type folderHook struct{ NodeConfig }

func (h *folderHook) PrepareSandbox(_ context.Context, pod *corev1.Pod, _ *cri.PodSandboxConfig) error {
	if err := os.MkdirAll(h.Volumes.PodDir(pod.UID), 0o750); err != nil {
		return fmt.Errorf("making the folder of pod %s: %w", pod.Name, err)
	}
	if err := os.MkdirAll(LogDirectory(h.Logs, pod), 0o755); err != nil {
		return fmt.Errorf("making the log folder of pod %s: %w", pod.Name, err)
	}
	return nil
}

func (h *folderHook) Remove(_ context.Context, pod *corev1.Pod) error {
	if err := os.RemoveAll(LogDirectory(h.Logs, pod)); err != nil {
		return fmt.Errorf("removing the logs of pod %s: %w", pod.Name, err)
	}
	return nil
}

// objectHook follows what the pod refers to for as long as it may need it.
type objectHook struct{ NodeConfig }

func (h *objectHook) PrepareSandbox(_ context.Context, pod *corev1.Pod, _ *cri.PodSandboxConfig) error {
	h.Objects.Register(pod)
	return nil
}

func (h *objectHook) Clean(_ context.Context, pod *corev1.Pod) error {
	h.Objects.Unregister(pod.UID)
	h.Tokens.Forget(pod.UID)
	return nil
}
