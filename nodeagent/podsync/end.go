// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package podsync

import (
	"context"
	"errors"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/klog/v2"

	"coxswain.dev/coxswain/nodeagent/lifecycle"
	"coxswain.dev/coxswain/nodeagent/podworker"
)

// end brings a pod that must not run any longer to its end, a stage at a time:
//
//	running ─► stopped ─► cleaned: sandbox, volumes, cgroup ─► final status ─► removed from the API ─► last traces
//	                                                              └ a pod that ended by itself waits here
func (s *Syncer) end(ctx context.Context, seen lifecycle.Seen, end lifecycle.End, t *tracked) (_ podworker.Result, again bool) {
	pod := seen.Pod
	retry := func(err error) (podworker.Result, bool) {
		if ctx.Err() == nil {
			klog.FromContext(ctx).Error(err, "Ending a pod failed; trying again")
			s.config.Events.Event(pod, nil, corev1.EventTypeWarning, "FailedKillPod", "error killing pod: "+err.Error())
		}
		return podworker.Result{Again: s.backOff(t)}, false
	}
	if seen.State.Running() {
		s.config.Probes.Quiet(pod.UID)
		if err := s.killAll(ctx, seen, end.Grace); err != nil {
			return retry(err)
		}
		return podworker.Result{}, true // observes what became of them
	}
	if !t.memory.Cleaned {
		if err := s.clean(ctx, seen, t); err != nil {
			return retry(err)
		}
		t.memory.Cleaned = true
		return podworker.Result{}, true
	}
	t.failures = 0
	if seen.Gone {
		if err := s.remove(ctx, seen, t); err != nil {
			return retry(err)
		}
		return podworker.Result{Done: true}, false
	}
	if end.Delete && !t.removing {
		t.removing = true
		s.config.Status.Remove(s.desired(t))
	}
	return podworker.Result{}, false
}

// clean gives back what the pod holds of the node, but for its containers' logs and states.
func (s *Syncer) clean(ctx context.Context, seen lifecycle.Seen, t *tracked) error {
	if t.stop != nil {
		t.stop()
	}
	s.config.Probes.Forget(seen.Pod.UID)
	for _, sandbox := range seen.State.Sandboxes {
		if err := s.config.Runtime.StopSandbox(ctx, sandbox.ID); err != nil {
			return err
		}
	}
	var errs []error
	for _, hook := range slices.Backward(s.config.Hooks) {
		if cleaner, is := hook.(CleanHook); is {
			errs = append(errs, cleaner.Clean(ctx, seen.Pod))
		}
	}
	s.mu.Lock()
	t.holds = false
	s.mu.Unlock()
	return errors.Join(errs...)
}

// remove removes the last traces of a pod that the API no longer has.
func (s *Syncer) remove(ctx context.Context, seen lifecycle.Seen, t *tracked) error {
	pod := seen.Pod
	for _, c := range seen.State.Containers {
		if err := s.config.Runtime.RemoveContainer(ctx, c.ID); err != nil {
			return err
		}
	}
	for _, sandbox := range seen.State.Sandboxes {
		if err := s.config.Runtime.RemoveSandbox(ctx, sandbox.ID); err != nil {
			return err
		}
	}
	for _, hook := range slices.Backward(s.config.Hooks) {
		if remover, is := hook.(RemoveHook); is {
			if err := remover.Remove(ctx, pod); err != nil {
				return err
			}
		}
	}
	s.config.Puller.Forget(pod)
	s.config.Status.Forget(pod.UID)
	s.config.Store.Delete(pod.UID)
	s.mu.Lock()
	delete(s.pods, pod.UID)
	s.mu.Unlock()
	return nil
}
