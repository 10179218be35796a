// Copyright The Coxswain Authors.
// SPDX-License-Identifier: Apache-2.0

package class

import (
	"container/list"
	"math/rand/v2"

	"coxswain.dev/coxswain/scheduler/cache"
	"coxswain.dev/coxswain/scheduler/framework"
)

// How much a set keeps: so many verdicts over all classes (some 35 bytes each), and so many classes.
const (
	maxVerdicts = 1 << 19
	maxClasses  = 1024
	minClasses  = 8
)

// Set keeps the classes of one profile that were asked for last. It belongs to the goroutine that owns the snapshot.
type Set struct {
	profile *framework.Profile
	nodes   *cache.Snapshot
	random  *rand.Rand

	classes map[string]*list.Element
	recent  *list.List // of entry, the last used in front
	shape   framework.Shape
	loose   *Class // handed out last without being kept
	unused  *Class // dropped, for the sake of its memory
}

type entry struct {
	shape string
	class *Class
}

// NewSet returns an empty set.
func NewSet(profile *framework.Profile, nodes *cache.Snapshot, random *rand.Rand) *Set {
	return &Set{profile: profile, nodes: nodes, random: random, classes: map[string]*list.Element{}, recent: list.New()}
}

// Of returns the class of a pod, as of the snapshot's present state; it is valid until the next call. Known tells
// whether it was worked out before.
func (s *Set) Of(pod *cache.Pod) (class *Class, known bool) {
	if s.loose != nil {
		s.unused, s.loose = s.loose, nil
	}
	shared := s.profile.Shape(pod, &s.shape)
	if shared {
		if e, ok := s.classes[string(s.shape.Bytes())]; ok {
			s.recent.MoveToFront(e)
			class := e.Value.(entry).class
			class.Refresh()
			return class, true
		}
	}
	class = New(s.profile, pod, s.nodes, s.random, s.unused)
	s.unused = nil
	if !shared || !class.Shareable() {
		s.loose = class
		return class, false
	}
	shape := string(s.shape.Bytes())
	s.classes[shape] = s.recent.PushFront(entry{shape: shape, class: class})
	s.shrink()
	return class, false
}

// shrink drops the classes used longest ago.
func (s *Set) shrink() {
	limit := min(maxClasses, max(minClasses, maxVerdicts/max(1, s.nodes.Size())))
	for s.recent.Len() > limit {
		last := s.recent.Back()
		delete(s.classes, last.Value.(entry).shape)
		s.unused = last.Value.(entry).class
		s.recent.Remove(last)
	}
}
