// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/pull"
	"coxswain.dev/coxswain/nodeagent/runtime"
)

// retryStart is when a container that could not be configured or created is tried again, unless an event comes first.
const retryStart = 5 * time.Second

// start starts containers, one after the other. What goes wrong with one is its trouble, shown in the status; the others
// are started all the same.
func (s *Syncer) start(ctx context.Context, seen lifecycle.Seen, starts []lifecycle.Start, t *tracked) error {
	sandbox := seen.State.Sandbox()
	config, err := s.prepareSandbox(ctx, seen.Pod, sandbox.Attempt)
	if err != nil {
		return err
	}
	for i, one := range starts {
		name := one.Container.Name
		err := s.startOne(ctx, seen, one, sandbox.ID, config, t)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var failed *trouble
		switch {
		case errors.As(err, &failed):
			if t.memory.Troubles == nil {
				t.memory.Troubles = map[string]lifecycle.Trouble{}
			}
			t.memory.Troubles[name] = failed.Trouble
		case err != nil:
			return err
		default:
			delete(t.memory.Troubles, name)
		}
		if i+1 < len(starts) {
			s.report(ctx, seen, t) // the next one may take long: its image has to come
		}
	}
	return nil
}

// report publishes what is there in the middle of a step.
func (s *Syncer) report(ctx context.Context, seen lifecycle.Seen, t *tracked) {
	now, err := s.observe(ctx, seen.Pod.UID, t)
	if err != nil || now.Pod.DeletionTimestamp != nil || now.Gone {
		return
	}
	s.publish(now, lifecycle.Make(now), t)
}

// trouble with one container, for its status.
type trouble struct {
	lifecycle.Trouble
	err error
}

func (e *trouble) Error() string { return e.err.Error() }

func (e *trouble) Unwrap() error { return e.err }

func (s *Syncer) trouble(reason string, err error, retry time.Duration) *trouble {
	return &trouble{lifecycle.Trouble{
		Reason: lifecycle.Reason{Reason: reason, Message: err.Error()}, Retry: s.config.Clock.Now().Add(retry),
	}, err}
}

// startOne takes a container from its image to running.
func (s *Syncer) startOne(ctx context.Context, seen lifecycle.Seen, one lifecycle.Start, sandboxID string, sandbox *cri.PodSandboxConfig, t *tracked) error {
	pod, c := seen.Pod, one.Container
	events := podEvents{s.config.Events, pod, c}
	ref, image, err := s.config.Puller.Ensure(ctx, pull.Request{Pod: pod, Container: c, Sandbox: sandbox, Secrets: s.secrets(ctx, pod), Events: events})
	if err != nil {
		var refused *pull.Error
		if !errors.As(err, &refused) {
			return err
		}
		return &trouble{lifecycle.Trouble{Reason: lifecycle.Reason{Reason: refused.Reason, Message: refused.Message}, Retry: refused.Retry}, err}
	}
	request := &ContainerRequest{
		Pod: pod, Container: c, Kind: one.Kind, Attempt: one.Attempt, State: &seen.State,
		PodIPs: s.podIPs(pod, &seen.State), Image: image, Config: ContainerConfig(pod, c, one.Attempt, ref),
	}
	for _, hook := range s.config.Hooks {
		if preparer, is := hook.(ContainerHook); is {
			if err := preparer.PrepareContainer(ctx, request); err != nil {
				if ctx.Err() != nil {
					return ctx.Err()
				}
				events.Warning("Failed", "Error: "+err.Error())
				return s.trouble("CreateContainerConfigError", err, retryStart)
			}
		}
	}
	id, err := s.config.Runtime.CreateContainer(ctx, sandboxID, request.Config, sandbox)
	if err != nil {
		if ctx.Err() == nil {
			events.Warning("Failed", "Error: "+err.Error())
		}
		return s.trouble("CreateContainerError", err, retryStart)
	}
	events.Normal("Created", "Container created")
	t.crashed(c.Name, seen.CrashesAfter(one.Previous))
	if err := s.config.Runtime.StartContainer(ctx, id); err != nil {
		if ctx.Err() == nil {
			events.Warning("Failed", "Error: "+err.Error())
		}
		s.removeUnstarted(ctx, id)
		return s.trouble("RunContainerError", err, max(lifecycle.Delay(seen.CrashesAfter(one.Previous)+1), retryStart))
	}
	events.Normal("Started", "Container started")
	s.collect(ctx, seen.State, c.Name, one.Attempt)
	return s.postStart(ctx, pod, c, id, request.PodIPs, events)
}

func (t *tracked) crashed(name string, crashes int) {
	if t.memory.Crashes == nil {
		t.memory.Crashes = map[string]int{}
	}
	t.memory.Crashes[name] = crashes
}

func (s *Syncer) secrets(ctx context.Context, pod *corev1.Pod) []*corev1.Secret {
	if s.config.Secrets == nil || len(pod.Spec.ImagePullSecrets) == 0 {
		return nil
	}
	return s.config.Secrets(ctx, pod)
}

// removeUnstarted removes a container whose start was interrupted; one that the runtime counts as exited stays, since its
// exit code is worth showing.
func (s *Syncer) removeUnstarted(ctx context.Context, id string) {
	if ctx.Err() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	_ = s.config.Runtime.RemoveContainer(ctx, id) // collected with the pod otherwise
}

// collect removes runs of a container older than the one before the present: that one's state and log are still shown.
func (s *Syncer) collect(ctx context.Context, state runtime.State, name string, attempt uint32) {
	kept := 0
	for i := range state.Containers {
		c := &state.Containers[i]
		if c.Name != name || c.Attempt == attempt {
			continue
		}
		if kept++; kept == 1 && c.Phase == runtime.Exited {
			continue
		}
		if c.Phase != runtime.Running {
			_ = s.config.Runtime.RemoveContainer(ctx, c.ID) // the next restart tries again
		}
	}
}

// ContainerConfig is what needs no hook: the container's identity, program and terminal.
func ContainerConfig(pod *corev1.Pod, c *corev1.Container, attempt uint32, imageRef string) *cri.ContainerConfig {
	return &cri.ContainerConfig{
		Metadata:   &cri.ContainerMetadata{Name: c.Name, Attempt: attempt},
		Image:      &cri.ImageSpec{Image: imageRef, UserSpecifiedImage: c.Image},
		Command:    c.Command,
		Args:       c.Args,
		WorkingDir: c.WorkingDir,
		Labels: map[string]string{
			runtime.LabelPodName:       pod.Name,
			runtime.LabelPodNamespace:  pod.Namespace,
			runtime.LabelPodUID:        string(pod.UID),
			runtime.LabelContainerName: c.Name,
		},
		Annotations: annotations(pod, c, attempt),
		LogPath:     fmt.Sprintf("%s/%d.log", c.Name, attempt),
		Stdin:       c.Stdin,
		StdinOnce:   c.StdinOnce,
		Tty:         c.TTY,
		Linux:       &cri.LinuxContainerConfig{},
	}
}

func annotations(pod *corev1.Pod, c *corev1.Container, attempt uint32) map[string]string {
	all := map[string]string{
		runtime.AnnotationHash:              lifecycle.Hash(c),
		runtime.AnnotationRestartCount:      strconv.Itoa(int(attempt)),
		runtime.AnnotationTerminationPath:   c.TerminationMessagePath,
		runtime.AnnotationTerminationPolicy: string(c.TerminationMessagePolicy),
	}
	if grace := pod.Spec.TerminationGracePeriodSeconds; grace != nil {
		all[runtime.AnnotationPodGracePeriod] = strconv.FormatInt(*grace, 10)
	}
	return all
}
