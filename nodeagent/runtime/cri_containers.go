// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"fmt"
	"math"
	"time"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// RunSandbox implements Sandboxes.
func (r *CRI) RunSandbox(ctx context.Context, config *cri.PodSandboxConfig, handler string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, sandboxTimeout)
	defer cancel()
	answer, err := r.runtime.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config, RuntimeHandler: handler})
	if err != nil {
		return "", plain(err)
	}
	return answer.PodSandboxId, nil
}

// StopSandbox implements Sandboxes.
func (r *CRI) StopSandbox(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := r.runtime.StopPodSandbox(ctx, &cri.StopPodSandboxRequest{PodSandboxId: id})
	return done("stopping sandbox", id, err)
}

// RemoveSandbox implements Sandboxes.
func (r *CRI) RemoveSandbox(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := r.runtime.RemovePodSandbox(ctx, &cri.RemovePodSandboxRequest{PodSandboxId: id})
	return done("removing sandbox", id, err)
}

// CreateContainer implements Containers.
func (r *CRI) CreateContainer(ctx context.Context, sandboxID string, config *cri.ContainerConfig, sandbox *cri.PodSandboxConfig) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := r.runtime.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: sandboxID, Config: config, SandboxConfig: sandbox})
	if err != nil {
		return "", plain(err)
	}
	return answer.ContainerId, nil
}

// StartContainer implements Containers.
func (r *CRI) StartContainer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := r.runtime.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: id})
	return plain(err)
}

// StopContainer implements Containers.
func (r *CRI) StopContainer(ctx context.Context, id string, grace time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, grace+callTimeout)
	defer cancel()
	seconds := int64(math.Ceil(grace.Seconds()))
	_, err := r.runtime.StopContainer(ctx, &cri.StopContainerRequest{ContainerId: id, Timeout: seconds})
	return done("stopping container", id, err)
}

// RemoveContainer implements Containers.
func (r *CRI) RemoveContainer(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := r.runtime.RemoveContainer(ctx, &cri.RemoveContainerRequest{ContainerId: id})
	return done("removing container", id, err)
}

// UpdateContainer implements Containers.
func (r *CRI) UpdateContainer(ctx context.Context, id string, resources *cri.LinuxContainerResources) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := r.runtime.UpdateContainerResources(ctx, &cri.UpdateContainerResourcesRequest{ContainerId: id, Linux: resources})
	if err != nil {
		return fmt.Errorf("updating container %s: %w", id, plain(err))
	}
	return nil
}

// ReopenLog implements Containers.
func (r *CRI) ReopenLog(ctx context.Context, id string) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, err := r.runtime.ReopenContainerLog(ctx, &cri.ReopenContainerLogRequest{ContainerId: id})
	if err != nil {
		return fmt.Errorf("reopening the log of container %s: %w", id, plain(err))
	}
	return nil
}

// done makes stopping and removing repeatable: what is gone is fine.
func done(doing, id string, err error) error {
	if err = plain(err); err == nil || IsNotFound(err) {
		return nil
	}
	return fmt.Errorf("%s %s: %w", doing, id, err)
}
