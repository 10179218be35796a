// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"fmt"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"coxswain.dev/coxswain/nodeagent/env"
)

// envHook computes a container's variables and the command line that may refer to them.
type envHook struct{ NodeConfig }

func (h *envHook) PrepareContainer(ctx context.Context, r *ContainerRequest) error {
	services, err := h.Services(ctx, r.Pod.Namespace)
	if err != nil {
		return fmt.Errorf("services have not yet been read at least once, cannot construct envvars: %w", err)
	}
	variables, values, err := env.For(ctx, env.Input{
		Pod: r.Pod, Container: r.Container, Services: services, Objects: h.Objects, Fields: h.source(r.Pod, r.PodIPs),
	})
	if err != nil {
		return err
	}
	for _, v := range variables {
		r.Config.Envs = append(r.Config.Envs, &cri.KeyValue{Key: v.Name, Value: []byte(v.Value)})
	}
	if r.Config.Command, err = env.ExpandAll(r.Container.Command, values); err != nil {
		return fmt.Errorf("reading the command of container %s: %w", r.Container.Name, err)
	}
	if r.Config.Args, err = env.ExpandAll(r.Container.Args, values); err != nil {
		return fmt.Errorf("reading the arguments of container %s: %w", r.Container.Name, err)
	}
	return nil
}
