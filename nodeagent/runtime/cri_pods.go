// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/types"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// Pods implements Observer with two calls, whatever the number of pods.
func (r *CRI) Pods(ctx context.Context) ([]State, error) {
	states, err := r.list(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("listing pods of the runtime: %w", err)
	}
	return states, nil
}

// Pod implements Observer.
func (r *CRI) Pod(ctx context.Context, uid types.UID) (State, error) {
	states, err := r.list(ctx, map[string]string{LabelPodUID: string(uid)})
	if err != nil {
		return State{}, fmt.Errorf("observing pod %s: %w", uid, err)
	}
	if len(states) == 0 {
		return State{UID: uid}, nil
	}
	state := states[0]
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	for i := range state.Sandboxes {
		if i > 0 {
			break // only the newest one's address matters
		}
		if err := r.describeSandbox(ctx, &state.Sandboxes[i]); err != nil {
			return State{}, fmt.Errorf("observing pod %s: %w", uid, err)
		}
	}
	kept := state.Containers[:0]
	for i := range state.Containers {
		known, err := r.describeContainer(ctx, &state.Containers[i])
		if err != nil {
			return State{}, fmt.Errorf("observing pod %s: %w", uid, err)
		}
		if known {
			kept = append(kept, state.Containers[i])
		}
	}
	state.Containers = kept
	return state, nil
}

func (r *CRI) list(ctx context.Context, labels map[string]string) ([]State, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	sandboxes, err := r.runtime.ListPodSandbox(ctx, &cri.ListPodSandboxRequest{Filter: &cri.PodSandboxFilter{LabelSelector: labels}})
	if err != nil {
		return nil, plain(err)
	}
	containers, err := r.runtime.ListContainers(ctx, &cri.ListContainersRequest{Filter: &cri.ContainerFilter{LabelSelector: labels}})
	if err != nil {
		return nil, plain(err)
	}
	return group(sandboxes.Items, containers.Containers), nil
}

// group sorts what the runtime listed by pod. Things without a pod's labels are not ours.
func group(sandboxes []*cri.PodSandbox, containers []*cri.Container) []State {
	byUID := map[types.UID]*State{}
	state := func(labels map[string]string) *State {
		uid := types.UID(labels[LabelPodUID])
		if uid == "" {
			return nil
		}
		s, here := byUID[uid]
		if !here {
			s = &State{UID: uid, Namespace: labels[LabelPodNamespace], Name: labels[LabelPodName]}
			byUID[uid] = s
		}
		return s
	}
	for _, item := range sandboxes {
		if s := state(item.Labels); s != nil {
			s.Sandboxes = append(s.Sandboxes, Sandbox{
				ID:      item.Id,
				Attempt: item.GetMetadata().GetAttempt(),
				Ready:   item.State == cri.PodSandboxState_SANDBOX_READY,
				Created: timeOf(item.CreatedAt),
			})
		}
	}
	for _, item := range containers {
		if s := state(item.Labels); s != nil {
			s.Containers = append(s.Containers, Container{
				ID:          item.Id,
				Name:        item.GetMetadata().GetName(),
				SandboxID:   item.PodSandboxId,
				Attempt:     item.GetMetadata().GetAttempt(),
				Phase:       phaseOf(item.State),
				Created:     timeOf(item.CreatedAt),
				Image:       item.GetImage().GetImage(),
				ImageRef:    item.ImageRef,
				Labels:      item.Labels,
				Annotations: item.Annotations,
			})
		}
	}
	states := make([]State, 0, len(byUID))
	for _, s := range byUID {
		slices.SortFunc(s.Sandboxes, func(a, b Sandbox) int {
			return cmp.Or(cmp.Compare(b.Attempt, a.Attempt), b.Created.Compare(a.Created))
		})
		slices.SortFunc(s.Containers, func(a, b Container) int {
			return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(b.Attempt, a.Attempt))
		})
		states = append(states, *s)
	}
	slices.SortFunc(states, func(a, b State) int { return cmp.Compare(a.UID, b.UID) })
	return states
}

func (r *CRI) describeSandbox(ctx context.Context, sandbox *Sandbox) error {
	answer, err := r.runtime.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: sandbox.ID})
	if err != nil {
		if err = plain(err); IsNotFound(err) {
			sandbox.Ready = false // removed since it was listed
			return nil
		}
		return err
	}
	s := answer.GetStatus()
	sandbox.Ready = s.GetState() == cri.PodSandboxState_SANDBOX_READY
	sandbox.IPs = nil
	if network := s.GetNetwork(); network.GetIp() != "" {
		sandbox.IPs = append(sandbox.IPs, network.Ip)
		for _, more := range network.AdditionalIps {
			sandbox.IPs = append(sandbox.IPs, more.Ip)
		}
	}
	return nil
}

func (r *CRI) describeContainer(ctx context.Context, container *Container) (known bool, err error) {
	answer, err := r.runtime.ContainerStatus(ctx, &cri.ContainerStatusRequest{ContainerId: container.ID})
	if err != nil {
		if err = plain(err); IsNotFound(err) {
			return false, nil // removed since it was listed
		}
		return false, err
	}
	s := answer.GetStatus()
	container.Phase = phaseOf(s.GetState())
	container.Created = timeOf(s.GetCreatedAt())
	container.Started = timeOf(s.GetStartedAt())
	container.Finished = timeOf(s.GetFinishedAt())
	container.ExitCode = s.GetExitCode()
	container.Reason, container.Message = s.GetReason(), s.GetMessage()
	container.Image = s.GetImage().GetImage()
	if asked := s.GetImage().GetUserSpecifiedImage(); asked != "" {
		container.Image = asked
	}
	container.ImageRef = s.GetImageRef()
	container.LogPath = s.GetLogPath()
	if user := s.GetUser().GetLinux(); user != nil {
		container.User = &User{UID: user.Uid, GID: user.Gid, Groups: user.SupplementalGroups}
	}
	return true, nil
}

// Watch implements Observer.
func (r *CRI) Watch(ctx context.Context, connected func(), changed func(types.UID)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := r.runtime.GetContainerEvents(ctx, &cri.GetEventsRequest{})
	if err != nil {
		return fmt.Errorf("watching containers: %w", plain(err))
	}
	connected()
	for {
		event, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("watching containers: %w", plain(err))
		}
		labels := event.GetPodSandboxStatus().GetLabels()
		if uid := labels[LabelPodUID]; uid != "" {
			changed(types.UID(uid))
		} else if uid := event.GetPodSandboxStatus().GetMetadata().GetUid(); uid != "" {
			changed(types.UID(uid))
		}
	}
}

func phaseOf(state cri.ContainerState) Phase {
	switch state {
	case cri.ContainerState_CONTAINER_CREATED:
		return Created
	case cri.ContainerState_CONTAINER_RUNNING:
		return Running
	case cri.ContainerState_CONTAINER_EXITED:
		return Exited
	}
	return Unknown
}

// timeOf turns CRI's nanoseconds into a time; 0 means never.
func timeOf(nanoseconds int64) time.Time {
	if nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(0, nanoseconds)
}
