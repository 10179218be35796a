// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/runtime"
	"coxswain.dev/coxswain/nodeagent/volumes"
)

// startSandbox prepares what the pod needs and starts its sandbox. One that died is stopped first, for its address.
func (s *Syncer) startSandbox(ctx context.Context, seen lifecycle.Seen, next lifecycle.Sandbox) error {
	pod := seen.Pod
	if next.Replaces != "" {
		s.config.Events.Event(pod, nil, corev1.EventTypeNormal, "SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
		if err := s.config.Runtime.StopSandbox(ctx, next.Replaces); err != nil {
			return err
		}
	}
	config, err := s.prepareSandbox(ctx, pod, next.Attempt)
	if err != nil {
		var setup *volumes.SetupError
		if errors.As(err, &setup) && ctx.Err() == nil {
			s.config.Events.Event(pod, nil, corev1.EventTypeWarning, "FailedMount", setup.Error())
		}
		return err
	}
	if _, err := s.config.Runtime.RunSandbox(ctx, config, ""); err != nil {
		if ctx.Err() == nil {
			s.config.Events.Event(pod, nil, corev1.EventTypeWarning, "FailedCreatePodSandBox", "Failed to create pod sandbox: "+err.Error())
		}
		return fmt.Errorf("starting the sandbox of pod %s: %w", pod.Name, err)
	}
	return nil
}

// prepareSandbox runs the hooks and returns the configuration. Containers need the same one, so it is made again for
// them; hooks find their work done then.
func (s *Syncer) prepareSandbox(ctx context.Context, pod *corev1.Pod, attempt uint32) (*cri.PodSandboxConfig, error) {
	config := SandboxConfig(pod, attempt)
	if s.config.Logs != "" {
		config.LogDirectory = LogDirectory(s.config.Logs, pod)
	}
	for _, hook := range s.config.Hooks {
		if preparer, is := hook.(SandboxHook); is {
			if err := preparer.PrepareSandbox(ctx, pod, config); err != nil {
				return nil, err
			}
		}
	}
	return config, nil
}

// SandboxConfig is what needs no hook: the pod's identity.
func SandboxConfig(pod *corev1.Pod, attempt uint32) *cri.PodSandboxConfig {
	labels := maps.Clone(pod.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[runtime.LabelPodName] = pod.Name
	labels[runtime.LabelPodNamespace] = pod.Namespace
	labels[runtime.LabelPodUID] = string(pod.UID)
	return &cri.PodSandboxConfig{
		Metadata:    &cri.PodSandboxMetadata{Name: pod.Name, Namespace: pod.Namespace, Uid: string(pod.UID), Attempt: attempt},
		Labels:      labels,
		Annotations: maps.Clone(pod.Annotations),
		Linux:       &cri.LinuxPodSandboxConfig{},
	}
}

// LogDirectory of a pod below the folder of all logs; log collectors know this naming.
func LogDirectory(logs string, pod *corev1.Pod) string {
	return filepath.Join(logs, fmt.Sprintf("%s_%s_%s", pod.Namespace, pod.Name, pod.UID))
}

// stopTimeout bounds cleaning up after an interrupted or failed step.
const stopTimeout = 30 * time.Second
