// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"context"
	"strconv"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/metrics"
	"coxswain.dev/coxswain/scheduler/queue"
)

// writeTimeout bounds a write to the API server. It outlives the scheduler's own end: a decision under way is carried
// out or known to have failed before the process goes.
const writeTimeout = 15 * time.Second

// bind carries a decision out in the background.
func (s *Scheduler) bind(ctx context.Context, item *queue.Item, profile *framework.Profile, node string, begin time.Time) {
	s.write(ctx, "binding", func(ctx context.Context) {
		started := s.clock.Now()
		err := profile.Bind(ctx, item.Pod.Object, node)
		s.observe("Bind", profile, err == nil, started)
		if err != nil {
			s.unbind(ctx, item, profile, err, begin)
			return
		}
		s.queue.Done(item)
		pod := item.Pod.Object
		s.recorder(profile.SchedulerName).Eventf(pod, nil, corev1.EventTypeNormal, "Scheduled", "Binding",
			"Successfully assigned %s/%s to %s", pod.Namespace, pod.Name, node)
		ctrl.LoggerFrom(ctx).V(2).Info("Bound", "node", node)
		s.metrics.Attempts.WithLabelValues(metrics.Scheduled, profile.SchedulerName).Inc()
		s.metrics.AttemptDuration.WithLabelValues(metrics.Scheduled, profile.SchedulerName).Observe(s.clock.Since(begin).Seconds())
		s.metrics.PodAttempts.Observe(float64(item.Attempts))
		s.metrics.PodDuration.WithLabelValues(attemptsLabel(item.Attempts)).Observe(s.clock.Since(item.Added).Seconds())
	})
}

// unbind takes the promise of a place back after binding failed, which makes room that others may be waiting for.
func (s *Scheduler) unbind(ctx context.Context, item *queue.Item, profile *framework.Profile, err error, begin time.Time) {
	if s.cache.Forget(item.Pod.UID()) {
		s.queue.Happened(framework.Event{Resource: framework.AssignedPod, Action: framework.Delete, Pod: item.Pod})
	}
	s.failed(ctx, item, profile, err, begin)
}

// write runs a write to the API server in the background once one of the slots is free.
func (s *Scheduler) write(ctx context.Context, operation string, do func(ctx context.Context)) {
	s.writers.Go(func() {
		s.slots <- struct{}{}
		defer func() { <-s.slots }()
		busy := s.metrics.Goroutines.WithLabelValues(operation)
		busy.Inc()
		defer busy.Dec()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
		defer cancel()
		do(ctx)
	})
}

// attemptsLabel bounds the values of a metric's label, as kube-scheduler does.
func attemptsLabel(attempts int) string {
	if attempts >= 15 {
		return "15+"
	}
	return strconv.Itoa(attempts)
}

// observe measures how long an extension point took.
func (s *Scheduler) observe(point string, profile *framework.Profile, success bool, started time.Time) {
	status := "Success"
	if !success {
		status = "Error"
	}
	s.metrics.ExtensionPoint.WithLabelValues(point, status, profile.SchedulerName).Observe(s.clock.Since(started).Seconds())
}
