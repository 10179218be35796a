// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package scheduler

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync"

	corev1 "k8s.io/api/core/v1"
	schedulerv1 "k8s.io/kube-scheduler/config/v1"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
	"coxswain.dev/coxswain/scheduler/profile"
	"coxswain.dev/coxswain/scheduler/queue"
)

// profiles are the policies in force, by the schedulerName that pods ask for. Safe for concurrent use.
type profiles struct {
	base map[string]*framework.Profile // from configuration, never changed
	sort framework.QueueSortPlugin

	mu      sync.RWMutex
	current map[string]*framework.Profile // guarded by mu
}

var _ queue.Policy = (*profiles)(nil)

func newProfiles(compiler profile.Compiler, specs []schedulerv1.KubeSchedulerProfile) (*profiles, error) {
	if len(specs) == 0 {
		specs = []schedulerv1.KubeSchedulerProfile{{}}
	}
	p := &profiles{base: map[string]*framework.Profile{}}
	for i := range specs {
		compiled, err := compiler.Compile(&specs[i])
		if err != nil {
			return nil, err
		}
		if _, twice := p.base[compiled.SchedulerName]; twice {
			return nil, fmt.Errorf("profiles[%d].schedulerName: %q is the name of another profile already", i, compiled.SchedulerName)
		}
		if p.sort == nil {
			p.sort = compiled.QueueSort
		} else if p.sort.Name() != compiled.QueueSort.Name() {
			return nil, fmt.Errorf("profiles[%d]: all profiles share one queue and must have the same queueSort plugin", i)
		}
		p.base[compiled.SchedulerName] = compiled
	}
	p.current = maps.Clone(p.base)
	return p, nil
}

// get returns the policy for a schedulerName, nil when it is not ours.
func (p *profiles) get(schedulerName string) *framework.Profile {
	p.mu.RLock()
	defer p.mu.RUnlock()
	if schedulerName == "" {
		schedulerName = profile.DefaultSchedulerName
	}
	return p.current[schedulerName]
}

// ours reports whether a pod is waiting for this scheduler.
func (p *profiles) ours(pod *corev1.Pod) bool { return p.get(pod.Spec.SchedulerName) != nil }

// replace puts live profiles on top of those from configuration and returns the names whose policy changed.
func (p *profiles) replace(live map[string]*framework.Profile) []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := maps.Clone(p.base)
	maps.Copy(next, live)
	var changed []string
	for name, now := range next {
		if p.current[name] != now {
			changed = append(changed, name)
		}
	}
	for name := range p.current {
		if next[name] == nil {
			changed = append(changed, name)
		}
	}
	p.current = next
	slices.Sort(changed)
	return changed
}

// Less implements queue.Policy.
func (p *profiles) Less(a, b framework.Queued) bool { return p.sort.Less(a, b) }

// Gate implements queue.Policy.
func (p *profiles) Gate(pod *cache.Pod) *framework.Rejection {
	if policy := p.get(pod.Object.Spec.SchedulerName); policy != nil {
		return policy.Gate(pod.Object)
	}
	return nil
}

// Differs implements queue.Policy: a pod whose shape changed asks another question.
func (p *profiles) Differs(old, new *cache.Pod) bool {
	policy := p.get(new.Object.Spec.SchedulerName)
	if policy == nil {
		return false
	}
	var a, b framework.Shape
	return !policy.Shape(old, &a) || !policy.Shape(new, &b) || !bytes.Equal(a.Bytes(), b.Bytes())
}

// Helps implements queue.Policy.
func (p *profiles) Helps(pod *cache.Pod, rejectedBy []string, event framework.Event) bool {
	policy := p.get(pod.Object.Spec.SchedulerName)
	if policy == nil {
		return false
	}
	if event.Resource == framework.Anything || len(rejectedBy) == 0 {
		return true
	}
	for _, plugin := range rejectedBy {
		for _, hint := range policy.Hints[plugin] {
			if hint.Expects(pod, event) {
				return true
			}
		}
	}
	return false
}
