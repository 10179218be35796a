// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package framework

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"coxswain.dev/coxswain/scheduler/cache"
)

// Weighted is a score plugin and what its marks count.
type Weighted struct {
	ScorePlugin
	Weight int64
}

// Profile is a scheduling policy ready to be used: the plugins of each extension point in their order.
type Profile struct {
	// SchedulerName is what pods ask for in spec.schedulerName.
	SchedulerName string

	PreEnqueue []PreEnqueuePlugin
	QueueSort  QueueSortPlugin
	Filters    []FilterPlugin
	Scores     []Weighted
	Binds      []BindPlugin
	Hints      map[string][]Hint
}

// Shape writes the shape of a pod under this profile. It returns false when the pod cannot share results.
func (p *Profile) Shape(pod *cache.Pod, shape *Shape) bool {
	shape.Reset()
	for _, f := range p.Filters {
		shaper, ok := f.(Shaper)
		if !ok {
			return false
		}
		shaper.Shape(pod, shape)
	}
	for _, s := range p.Scores {
		if _, filters := s.ScorePlugin.(FilterPlugin); filters && p.filters(s.Name()) {
			continue // written above
		}
		shaper, ok := s.ScorePlugin.(Shaper)
		if !ok {
			return false
		}
		shaper.Shape(pod, shape)
	}
	return true
}

func (p *Profile) filters(name string) bool {
	for _, f := range p.Filters {
		if f.Name() == name {
			return true
		}
	}
	return false
}

// Gate asks the PreEnqueue plugins and returns the first rejection.
func (p *Profile) Gate(pod *corev1.Pod) *Rejection {
	for _, plugin := range p.PreEnqueue {
		if r := plugin.PreEnqueue(pod); r != nil {
			if r.Plugin == "" {
				r.Plugin = plugin.Name()
			}
			return r
		}
	}
	return nil
}

// Bind asks the bind plugins in turn until one does it.
func (p *Profile) Bind(ctx context.Context, pod *corev1.Pod, node string) error {
	for _, plugin := range p.Binds {
		err := plugin.Bind(ctx, pod, node)
		if !errors.Is(err, ErrSkip) {
			return err
		}
	}
	return fmt.Errorf("no bind plugin of profile %s wanted pod %s/%s", p.SchedulerName, pod.Namespace, pod.Name)
}
