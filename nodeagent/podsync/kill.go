// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// kill stops single containers of a pod that goes on.
func (s *Syncer) kill(ctx context.Context, seen lifecycle.Seen, kills []lifecycle.Kill) error {
	var all sync.WaitGroup
	errs := make([]error, len(kills))
	for i, one := range kills {
		all.Go(func() {
			s.config.Events.Event(seen.Pod, one.Container, corev1.EventTypeNormal, "Killing", one.Message)
			errs[i] = s.stop(ctx, seen, one.Container, one.ContainerID, one.Grace)
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// stop runs the hook of a container and stops it.
func (s *Syncer) stop(ctx context.Context, seen lifecycle.Seen, c *corev1.Container, id string, grace time.Duration) error {
	left := s.preStop(ctx, seen.Pod, c, id, s.podIPs(seen.Pod, &seen.State), grace)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return s.config.Runtime.StopContainer(ctx, id, left)
}

// killAll stops everything that runs of a pod within grace: first, at once, all containers but sidecars; then sidecars,
// in the reverse order of their start.
func (s *Syncer) killAll(ctx context.Context, seen lifecycle.Seen, grace time.Duration) error {
	deadline := s.config.Clock.Now().Add(grace)
	containers := specs(seen.Pod)
	var first []*runtime.Container
	sidecars := map[string]*runtime.Container{}
	for i := range seen.State.Containers {
		run := &seen.State.Containers[i]
		if run.Phase != runtime.Running && run.Phase != runtime.Unknown {
			continue
		}
		if c := containers[run.Name]; c != nil && isSidecar(seen.Pod, c.Name) {
			sidecars[run.Name] = run
		} else {
			first = append(first, run)
		}
	}
	stop := func(run *runtime.Container) error {
		c := containers[run.Name]
		if c == nil {
			c = &corev1.Container{Name: run.Name}
		}
		s.config.Events.Event(seen.Pod, c, corev1.EventTypeNormal, "Killing", "Stopping container "+run.Name)
		left := max(deadline.Sub(s.config.Clock.Now()), time.Second)
		return s.stop(ctx, seen, c, run.ID, left)
	}
	var all sync.WaitGroup
	errs := make([]error, len(first))
	for i, run := range first {
		all.Go(func() { errs[i] = stop(run) })
	}
	all.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, c := range slices.Backward(seen.Pod.Spec.InitContainers) {
		if run := sidecars[c.Name]; run != nil {
			if err := stop(run); err != nil {
				return err
			}
		}
	}
	return nil
}

func isSidecar(pod *corev1.Pod, name string) bool {
	for i := range pod.Spec.InitContainers {
		if c := &pod.Spec.InitContainers[i]; c.Name == name {
			return lifecycle.IsSidecar(c)
		}
	}
	return false
}

// specs returns the containers of a pod by name.
func specs(pod *corev1.Pod) map[string]*corev1.Container {
	all := map[string]*corev1.Container{}
	for i := range pod.Spec.InitContainers {
		all[pod.Spec.InitContainers[i].Name] = &pod.Spec.InitContainers[i]
	}
	for i := range pod.Spec.Containers {
		all[pod.Spec.Containers[i].Name] = &pod.Spec.Containers[i]
	}
	for i := range pod.Spec.EphemeralContainers {
		c := corev1.Container(pod.Spec.EphemeralContainers[i].EphemeralContainerCommon)
		all[c.Name] = &c
	}
	return all
}
