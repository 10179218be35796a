// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"context"
	"math/rand/v2"

	"k8s.io/klog/v2"
	ctrl "sigs.k8s.io/controller-runtime"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/class"
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/metrics"
	"coxswain.dev/coxswain/scheduler/queue"
)

// cycle decides about one pod.
func (s *Scheduler) cycle(ctx context.Context, item *queue.Item) {
	s.cycles++
	begin := s.clock.Now()
	pod := item.Pod
	log := ctrl.LoggerFrom(ctx).WithValues("pod", klog.KObj(pod.Object), "cycle", s.cycles, "attempt", item.Attempts)
	ctx = ctrl.LoggerInto(ctx, log)

	// 1. Take the policy that the pod asks for. It may be gone, or the pod placed by someone else, since it was queued.
	profile := s.profiles.get(pod.Object.Spec.SchedulerName)
	if placed, _ := s.cache.Placed(pod.UID()); profile == nil || placed {
		s.queue.Done(item)
		return
	}

	// 2. Bring the snapshot up to date and look up what is known about the nodes for pods of this shape.
	known := s.engine.class(profile, pod)

	// 3. Choose the best node.
	node, score, ok := known.Best()
	s.metrics.AlgorithmDuration.Observe(s.clock.Since(begin).Seconds())

	// 4. Where there is none, say why and put the pod aside until something happens that may help.
	if !ok {
		f := s.engine.explainFailure(pod, known)
		s.history.add(s.record(item, profile, known, "", f.message))
		s.unschedulable(ctx, item, profile, f, begin)
		return
	}

	// 5. Promise the place, so that the next decision counts with it.
	name := s.engine.nodes.Name(node)
	if err := s.cache.Assume(pod, name); err != nil {
		s.failed(ctx, item, profile, err, begin)
		return
	}

	// 6. Keep the reasons for whoever asks why.
	s.history.add(s.record(item, profile, known, name, ""))
	log.V(2).Info("Chose a node", "node", name, "score", score, "feasible", known.Feasible(), "nodes", s.engine.nodes.Nodes())

	// 7. Carry it out on the side and go on with the next pod.
	s.bind(ctx, item, profile, name, begin)
}

// engine is the state that decisions are made on. It belongs to the loop.
type engine struct {
	cache   *cache.Cache
	nodes   *cache.Snapshot
	random  *rand.Rand
	classes map[*framework.Profile]*class.Set
	metrics *metrics.Metrics
}

func newEngine(c *cache.Cache, random *rand.Rand, m *metrics.Metrics) *engine {
	return &engine{
		cache:   c,
		nodes:   cache.NewSnapshot(c.Resources()),
		random:  random,
		classes: map[*framework.Profile]*class.Set{},
		metrics: m,
	}
}

// class brings the snapshot up to date and returns what is known about its nodes for the pod.
func (e *engine) class(profile *framework.Profile, pod *cache.Pod) *class.Class {
	e.cache.Update(e.nodes)
	set, ok := e.classes[profile]
	if !ok {
		e.retire(profile)
		set = class.NewSet(profile, e.nodes, e.random)
		e.classes[profile] = set
	}
	c, known := set.Of(pod)
	result := "new"
	if known {
		result = "known"
	}
	e.metrics.Classes.WithLabelValues(result).Inc()
	return c
}

// retire drops the classes of the profile that a new one replaces; what they know follows from another policy.
func (e *engine) retire(replacement *framework.Profile) {
	for old := range e.classes {
		if old.SchedulerName == replacement.SchedulerName {
			delete(e.classes, old)
		}
	}
}
