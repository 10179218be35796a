// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"fmt"
	"path"
	"path/filepath"
	"time"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"coxswain.dev/coxswain/nodeagent/env"
	"coxswain.dev/coxswain/nodeagent/volumes"
)

// volumeHook makes the pod's volumes and keeps them up to date: objects and tokens change while it runs.
type volumeHook struct{ NodeConfig }

func (h *volumeHook) PrepareSandbox(ctx context.Context, pod *corev1.Pod, _ *cri.PodSandboxConfig) error {
	_, err := h.Volumes.Ensure(ctx, pod, h.source(pod, nil))
	return err
}

func (h *volumeHook) Refresh(ctx context.Context, pod *corev1.Pod, podIPs []string) (time.Time, error) {
	h.Objects.Register(pod) // after a restart of the agent, nobody has yet
	result, err := h.Volumes.Ensure(ctx, pod, h.source(pod, podIPs))
	return result.Renew, err
}

func (h *volumeHook) Clean(ctx context.Context, pod *corev1.Pod) error {
	return h.Volumes.Remove(ctx, pod.UID)
}

// mountHook turns volume mounts into what the runtime mounts.
type mountHook struct{ NodeConfig }

func (h *mountHook) PrepareContainer(ctx context.Context, r *ContainerRequest) error {
	if len(r.Container.VolumeMounts) == 0 {
		return nil
	}
	ready, err := h.Volumes.Ensure(ctx, r.Pod, h.source(r.Pod, r.PodIPs))
	if err != nil {
		return err
	}
	values := map[string]string{}
	for _, v := range r.Config.Envs {
		values[v.Key] = string(v.Value)
	}
	for i, mount := range r.Container.VolumeMounts {
		mounted, has := ready.Volumes[mount.Name]
		if !has {
			return fmt.Errorf("cannot find volume %q to mount into container %q", mount.Name, r.Container.Name)
		}
		host := mounted.Path
		sub := mount.SubPath
		if mount.SubPathExpr != "" {
			if sub, err = strict(mount.SubPathExpr, values); err != nil {
				return err
			}
		}
		if sub != "" {
			if path.IsAbs(sub) || !filepath.IsLocal(sub) {
				return fmt.Errorf("subPath %q of volume %q must be relative and stay inside", sub, mount.Name)
			}
			if host, err = h.Volumes.SubPath(r.Pod, mount.Name, mounted, r.Container.Name, i, sub); err != nil {
				return err
			}
		}
		target := mount.MountPath
		if !path.IsAbs(target) {
			target = path.Join("/", target)
		}
		r.Config.Mounts = append(r.Config.Mounts, &cri.Mount{
			ContainerPath: target,
			HostPath:      host,
			Readonly:      mount.ReadOnly || mounted.ReadOnly,
			Propagation:   propagation(mount.MountPropagation),
		})
	}
	return nil
}

// strict expands variables of which each must be known.
func strict(text string, values map[string]string) (string, error) {
	missing := ""
	expanded, err := env.Expand(text, func(name string) (string, bool) {
		value, known := values[name]
		if !known {
			missing = name
		}
		return value, known
	})
	if err != nil {
		return "", fmt.Errorf("expanding subPathExpr %q: %w", text, err)
	}
	if missing != "" {
		return "", fmt.Errorf("subPathExpr %q refers to %s, which the container does not define", text, missing)
	}
	return expanded, nil
}

func propagation(mode *corev1.MountPropagationMode) cri.MountPropagation {
	if mode == nil {
		return cri.MountPropagation_PROPAGATION_PRIVATE
	}
	switch *mode {
	case corev1.MountPropagationHostToContainer:
		return cri.MountPropagation_PROPAGATION_HOST_TO_CONTAINER
	case corev1.MountPropagationBidirectional:
		return cri.MountPropagation_PROPAGATION_BIDIRECTIONAL
	}
	return cri.MountPropagation_PROPAGATION_PRIVATE
}

var _ volumes.Objects = env.Objects(nil)
